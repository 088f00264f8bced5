import type { FastifyReply } from 'fastify';
import { SET_COOKIE } from '../http/request/session-headers.js';

/** Leaves out the cookies that hooks still to come put on a reply, as `@fastify/cookie` does with those of the payload. */
export function dropLaterCookies(reply: FastifyReply): void {
  const put = reply.header.bind(reply) as (name: string, value?: unknown) => FastifyReply;
  reply.header = (name: string, value?: unknown) => (name.toLowerCase() === SET_COOKIE.toLowerCase() ? reply : put(name, value));
}

/** For a reply that is sent once more, after a hook that has failed. */
export function takeLaterCookies(reply: FastifyReply): void {
  if (Object.hasOwn(reply, 'header')) Reflect.deleteProperty(reply, 'header');
}
