import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a script is given on Fastify: Node's request and response, with what Express' have besides that tests ask for. */
export interface FastifyHandling {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What is sent: what the script has returned, else what it has said by the response. */
  answer(returned: unknown): unknown;
}

export function handleAsExpress(request: FastifyRequest, reply: FastifyReply): FastifyHandling {
  const { pathname } = new URL(request.url, 'http://host');
  const express = {
    body: request.body,
    params: request.params,
    query: request.query,
    path: pathname,
    get: (name: string) => request.headers[name.toLowerCase()],
  };
  let said: unknown;
  const say = (body: unknown) => void (said = body);
  const methods = {
    json: say,
    send: say,
    status: (code: number) => (reply.code(code), response),
    set: (name: string, value: string) => (reply.header(name, value), response),
    setHeader: (name: string, value: string) => (reply.header(name, value), response),
    header: (name: string, value: string) => (reply.header(name, value), response),
    getHeader: (name: string) => reply.getHeader(name),
    removeHeader: (name: string) => reply.removeHeader(name),
    cookie: (name: string, value: string) => (reply.header('set-cookie', `${name}=${value}`), response),
    type: (type: string) => (reply.type(type), response),
    redirect: (url: string) => void reply.code(302).header('location', url),
  };
  const response = new Proxy(reply.raw, {
    get(raw, name) {
      if (Object.hasOwn(methods, name)) return methods[name as keyof typeof methods];
      const value: unknown = Reflect.get(raw, name, raw);
      return typeof value === 'function' ? value.bind(raw) : value;
    },
    set: (raw, name, value) => Reflect.set(raw, name, value, raw),
  });
  return { request: Object.assign(request.raw, express), response, answer: (returned) => (returned === undefined ? said : returned) };
}
