import type { OutgoingHttpHeader, ServerResponse } from 'node:http';

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
  return withoutCookie(cookiesOf(response), name);
}

/** Those of other names. */
export function withoutCookie(cookies: readonly string[], name: string): string[] {
  return cookies.filter((cookie) => !isNamed(cookie, name));
}

function cookiesOf(response: ServerResponse): string[] {
  return cookiesIn(response.getHeader('Set-Cookie'));
}

/** The cookies of a `Set-Cookie` header. */
export function cookiesIn(header: OutgoingHttpHeader | undefined): string[] {
  if (header === undefined) return [];
  return Array.isArray(header) ? header : [String(header)];
}

function isNamed(cookie: string, name: string): boolean {
  return cookie.startsWith(`${name}=`);
}
