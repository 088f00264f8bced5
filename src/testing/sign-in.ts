import type { LoginOptions, SessionEntries } from '../http/request/http-session.js';
import { identityIn } from '../http/request/session-access.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import type { Identity } from '../nest/identity.decorator.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import { isIdentity } from '../session/identity.js';
import { kindOf } from '../session/option-checks.js';
import { refuseInProduction } from './not-in-production.js';
import { sessionsOfCookie, type SessionApp } from './session-apps.js';
import { TestCookie } from './test-cookie.js';
import { TestRequest, type RequestHeaders } from './test-request.js';
import { pastBarriers } from './test-session-store.js';

/**
 * Who is to be signed in: of the fields that you have declared of your identities, those that the test needs.
 *
 * @publicApi
 */
export type TestIdentity = Partial<Identity> & Pick<Identity, 'id'> & { readonly [name: string]: unknown };

/**
 * What a session has beside its identity.
 *
 * @publicApi
 */
export interface SignInOptions extends Pick<LoginOptions, 'ttl' | 'absoluteTtl'> {
  /** What is in the session. @default {} */
  entries?: SessionEntries | undefined;
  /** The roles of the identity, for `@Roles()`. @default those that the identity has */
  roles?: readonly string[] | undefined;
  /** Headers of the request that signs in, such as `user-agent` where `store.track` is set. @default none */
  headers?: RequestHeaders | undefined;
  /** Which cookie, in an application with several session modules. @default that of the only one */
  cookieName?: string | undefined;
}

/**
 * Signs somebody in without a password, and gives you their cookie. The session is one of the application's own, as `session.login()` makes it: with its
 * secret, its cookie, its store and its limits.
 *
 * ```ts
 * const ada = await signIn(app, { id: 'ada' }, { roles: ['admin'] });
 * await request(app.getHttpServer()).get('/admin').set(ada.asHeader).expect(200);
 * ```
 *
 * Rejects with `SessionMisuseError` if the application has no sessions or isn't initialized, what you give it is no identity, or no entries or roles, and where `NODE_ENV` is `production`.
 *
 * @publicApi
 */
export async function signIn(
  app: SessionApp,
  identity: TestIdentity,
  { cookieName, headers, ...options }: SignInOptions = {},
): Promise<TestCookie> {
  refuseInProduction('signIn');
  const runtime = sessionsOfCookie(app, cookieName, 'signIn');
  checkIdentity('signIn', identity);
  checkContents('signIn', options);
  return pastBarriers(async () => {
    const request = await TestRequest.begin(runtime, headers);
    await becomeSomebodys(request, runtime, identity, options);
    const told = await request.end();
    if (told === undefined)
      throw new SessionMisuseError(
        'signIn() got no cookie for the new session. Let "session.passive" return false for requests that it does not know.',
      );
    const [pair = ''] = told.split(';', 1);
    const { handle } = request.session;
    return new TestCookie({ runtime, pair, attributes: request.cookie, handle, csrfToken: request.session.csrfToken() });
  });
}

/** Throws where that is nobody. */
export function checkIdentity(method: string, identity: unknown): void {
  if (isIdentity(identity)) return;
  throw new SessionMisuseError(
    `${method}() needs an identity: an object whose "id" is a non-empty string or a finite number, received ${kindOf(identity)}. Write something like { id: "ada" }.`,
  );
}

/** Throws where a session would get something else than what was meant: a text is spread as its letters. */
export function checkContents(method: string, { entries = {}, roles = [] }: SignInOptions): void {
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries))
    throw new SessionMisuseError(
      `${method}() needs "entries" as an object, received ${kindOf(entries)}. Write something like { entries: { cart: ["tea"] } }.`,
    );
  if (!Array.isArray(roles) || roles.some((role) => typeof role !== 'string'))
    throw new SessionMisuseError(
      `${method}() needs "roles" as an array of strings, received ${kindOf(roles)}. Write something like { roles: ["admin"] }.`,
    );
}

/** Signs in on the session of that request, as the application does it. */
export async function becomeSomebodys(
  request: TestRequest,
  runtime: SessionRuntime,
  identity: TestIdentity,
  { entries = {}, roles, ttl, absoluteTtl }: SignInOptions,
): Promise<void> {
  request.assign(entries);
  if (runtime.isIdentityEntry) {
    const whole = roles === undefined ? identity : { ...identity, roles: [...roles] };
    await request.session.login(whole, { keep: true, ttl, absoluteTtl });
    return;
  }
  if (roles !== undefined || ttl !== undefined || absoluteTtl !== undefined)
    throw new SessionMisuseError(
      'signIn() cannot give a session "roles", "ttl" or "absoluteTtl" here: this application finds the identity itself, by the option "identity". Put what it reads into "entries".',
    );
  const found = identityIn(request.state);
  if (isIdentity(found) && String(found.id) === String(identity.id)) return;
  throw new SessionMisuseError(
    'signIn() does not sign that user in here: this application finds the identity by the option "identity", and does not find that "id" among the "entries". Put what it reads there, as in signIn(app, { id }, { entries: { passport: { user: { id } } } }).',
  );
}
