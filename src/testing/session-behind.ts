import type { IncomingMessage } from 'node:http';
import { cookieValues } from '../http/cookie/cookie-header.js';
import { ENDED, NEW } from '../http/cookie/session-header.js';
import type { SessionEntries } from '../http/request/http-session.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import type { Identity } from '../nest/identity.decorator.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { Entries } from '../session/entries.js';
import { kindOf } from '../session/option-checks.js';
import { IDENTITY_ENTRY } from '../session/identity.js';
import { expiresAt, isEnded, type Device, type SessionRecord } from '../session/session-record.js';
import type { Handle, Sid } from '../session/sid.js';
import { sessionsServedBy, type SessionApp } from './session-apps.js';
import { TestCookie } from './test-cookie.js';
import { requestWith, type RequestHeaders } from './test-request.js';
import { pastBarriers } from './test-session-store.js';

/** What a client has that has no session: a cookie that was cleared, or such a header. */
const WITHOUT_SESSION: readonly string[] = ['', NEW, ENDED];

/**
 * A session as it is stored.
 *
 * @publicApi
 */
export interface SessionBehind {
  /** Its public name. */
  readonly handle: Handle;
  /** What the application has put into it. */
  readonly entries: SessionEntries;
  /** Who is signed in. */
  readonly identity: Identity | undefined;
  readonly createdAt: Date | undefined;
  /** When its idle timeout last restarted. */
  readonly lastSeenAt: Date;
  /** When it ends if no other request comes. */
  readonly expiresAt: Date;
  /** When it ends in any case; `undefined` for never. */
  readonly endsAt: Date | undefined;
  /** When its user last proved who they are. */
  readonly authenticatedAt: Date | undefined;
  /** Where `store.track` is set: what it was last written from. */
  readonly device: Device | undefined;
}

/**
 * What is stored of the session of a cookie; `undefined` when there is no such session (any more). It restarts no timeout.
 *
 * Throws `SessionMisuseError` if the cookie isn't one of this application's.
 *
 * @param cookie what `signIn()` has given you, a `Cookie` header, the `Set-Cookie` headers of a response, or headers of a request
 * @publicApi
 */
export async function sessionBehind(
  app: SessionApp,
  cookie: TestCookie | string | readonly string[] | RequestHeaders,
): Promise<SessionBehind | undefined> {
  const runtimes = sessionsServedBy(app, 'sessionBehind');
  const request = requestWith(headersOf(cookie));
  const carried = runtimes.filter((runtime) => runtime.cookie.isIn(request) || runtime.header?.carries(request) === true);
  if (carried.length === 0) throw notOurs(runtimes);
  return pastBarriers(async () => {
    for (const runtime of carried)
      for (const sid of sidsIn(request, runtime)) {
        const found = await runtime.sessions.store.find(sid);
        if (found !== undefined && !('unusable' in found) && !isEnded(found)) return shown(runtime, found);
      }
    return undefined;
  });
}

function headersOf(cookie: unknown): RequestHeaders {
  if (cookie instanceof TestCookie || typeof cookie === 'string') return { cookie: String(cookie) };
  // Of `Set-Cookie`, what a browser sends back.
  if (Array.isArray(cookie)) return { cookie: cookie.map((line) => String(line).split(';', 1)[0]).join('; ') };
  if (typeof cookie === 'object' && cookie !== null) return cookie as RequestHeaders;
  throw new SessionMisuseError(
    `sessionBehind() needs a cookie, received ${kindOf(cookie)}. Give it what signIn() has returned, a Cookie header, or the Set-Cookie headers of a response; a response that changes nothing about the session has none.`,
  );
}

/** Those whose signature is this application's. None for a cookie that was cleared, and for a header that says so. */
function sidsIn(request: IncomingMessage, { cookie, header }: SessionRuntime): readonly Sid[] {
  const isByCookie = cookie.isIn(request);
  const sids = isByCookie ? cookie.read(request) : (header?.read(request) ?? []);
  const values = isByCookie
    ? cookieValues(request.headers.cookie ?? '', cookie.name)
    : [String(request.headers[header?.name.toLowerCase() ?? ''])];
  if (sids.length === 0 && values.some((value) => !WITHOUT_SESSION.includes(value)))
    throw notSigned(isByCookie ? cookie.name : header?.name);
  return sids;
}

function shown(runtime: SessionRuntime, record: SessionRecord): SessionBehind {
  const stored = new Entries(record.entries, runtime.sessions.settings.serializer, () => undefined);
  const entries: Record<string, unknown> = stored.values();
  const identity = runtime.identityOf(stored, () => stored.values());
  if (runtime.isIdentityEntry) delete entries[IDENTITY_ENTRY];
  return {
    handle: record.handle,
    entries,
    identity,
    createdAt: date(record.createdAt),
    lastSeenAt: new Date(record.lastSeenAt),
    expiresAt: new Date(expiresAt(record)),
    endsAt: date(record.absoluteEndsAt),
    authenticatedAt: date(record.authenticatedAt),
    device: record.device,
  };
}

function date(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}

function notOurs(runtimes: readonly SessionRuntime[]): SessionMisuseError {
  const names = runtimes.map(({ settings }) => JSON.stringify(settings.name)).join(' or ');
  return new SessionMisuseError(
    `sessionBehind() needs a session cookie of this application, which is called ${names}, and was given none of that name.`,
  );
}

function notSigned(name: string | undefined): SessionMisuseError {
  return new SessionMisuseError(
    `sessionBehind() was given a ${JSON.stringify(name)} that is not signed with "session.secret" of this application. Give it the whole value, as signIn() or a response has it.`,
  );
}
