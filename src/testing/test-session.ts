import { randomBytes } from 'node:crypto';
import type { HttpSession, SessionEntries } from '../http/request/http-session.js';
import { resolveSessionOptions } from '../http/request/session-options.js';
import { SessionRuntime } from '../http/request/session-runtime.js';
import { Sessions } from '../session/sessions.js';
import { MemorySessionStore } from '../session/store/memory-session-store.js';
import type { SessionStore } from '../session/store/session-store.js';
import { emitWarning } from '../session/warn-once.js';
import { refuseInProduction } from './not-in-production.js';
import { becomeSomebodys, checkContents, checkIdentity, type SignInOptions, type TestIdentity } from './sign-in.js';
import { TestRequest } from './test-request.js';
import { pastBarriers } from './test-session-store.js';

/**
 * What {@link createTestSession} makes.
 *
 * @publicApi
 */
export interface TestSessionOptions extends Pick<SignInOptions, 'roles' | 'ttl' | 'absoluteTtl'> {
  /** Who is signed in. @default nobody */
  identity?: TestIdentity | undefined;
  /** What is in the session. @default {} */
  entries?: SessionEntries | undefined;
  /** Where it is kept, such as `testSessions().store`, to move its time or to give it to a `SessionManager`. @default a store of its own */
  store?: SessionStore | undefined;
}

const SECRET_BYTES = 32;

/**
 * A session without a request, for what takes `@Session() session: HttpSession`: it has all of a session's methods, and keeps what it is told to. Without
 * options it is the new one of a visitor; with an identity or entries, one that an earlier request has stored.
 *
 * ```ts
 * const session = await createTestSession({ entries: { cart: ['tea'] } });
 * await controller.checkout(session);
 * ```
 *
 * Rejects with `SessionMisuseError` where `NODE_ENV` is `production`.
 *
 * @publicApi
 */
export async function createTestSession({
  identity,
  entries = {},
  store = new MemorySessionStore(),
  ...options
}: TestSessionOptions = {}): Promise<HttpSession> {
  refuseInProduction('createTestSession');
  if (identity !== undefined) checkIdentity('createTestSession', identity);
  checkContents('createTestSession', { entries, roles: options.roles });
  const settings = resolveSessionOptions({ secret: randomBytes(SECRET_BYTES) });
  const runtime = new SessionRuntime({ sessions: Sessions.of(store), settings, translate: (error) => error, warn: emitWarning });
  const cookie = await pastBarriers(async () => {
    const earlier = await TestRequest.begin(runtime);
    if (identity === undefined) earlier.assign(entries);
    else await becomeSomebodys(earlier, runtime, identity, { entries, ...options });
    return (await earlier.end())?.split(';', 1)[0];
  });
  const request = await pastBarriers(() => TestRequest.begin(runtime, cookie === undefined ? {} : { cookie }));
  return request.session;
}
