import type { ServerResponse } from 'node:http';

// What a response says of the cookie of one name, among the cookies of others.

/** Puts that header in the place of all that the response says of this cookie. */
export function putCookie(response: ServerResponse, name: string, header: string): void {
  response.setHeader('Set-Cookie', [...otherCookies(response, name), header]);
}

/** Takes off what the response says of it. */
export function takeOffCookie(response: ServerResponse, name: string): void {
  const others = otherCookies(response, name);
  if (others.length === 0) response.removeHeader('Set-Cookie');
  else response.setHeader('Set-Cookie', others);
}

/** Whether the response gives it a value. */
export function setsCookie(response: ServerResponse, name: string): boolean {
  return cookiesOf(response).some((cookie) => isNamed(cookie, name) && !cookie.startsWith(`${name}=;`));
}

function otherCookies(response: ServerResponse, name: string): string[] {
  return cookiesOf(response).filter((cookie) => !isNamed(cookie, name));
}

function cookiesOf(response: ServerResponse): string[] {
  const header = response.getHeader('Set-Cookie') ?? [];
  return Array.isArray(header) ? header : [String(header)];
}

function isNamed(cookie: string, name: string): boolean {
  return cookie.startsWith(`${name}=`);
}
