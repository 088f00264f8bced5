import type { IncomingMessage } from 'node:http';
import { RedisSessionConfigError, SessionMisuseError } from '../../redis-session.errors.js';
import type { Identity } from '../../nest/identity.decorator.js';
import { kindOf } from '../../session/option-checks.js';
import { cookieValues } from '../cookie/cookie-header.js';
import { untilProblems, type Adopter, type Credential } from './adopter.js';

/**
 * Payload of a JWT, as far as they are looked at (RFC 7519, section 4.1).
 *
 * @publicApi
 */
export interface JwtPayload {
  sub?: string | undefined;
  /** When it was given out, in seconds. Required. */
  iat?: number | undefined;
  /** When it is over, in seconds. */
  exp?: number | undefined;
  /** When the user signed in, in seconds: it counts instead of `iat` (OpenID Connect Core 1.0, section 2). */
  auth_time?: number | undefined;
  jti?: string | undefined;
}

/** What `{ id: sub }` is not enough for: an application that declares more of its identities (`interface Identity`) says where it comes from. */
type IdentityOfPayload<Payload> = { id: string } extends Identity
  ? {
      /** Who has signed in. @default `{ id: sub }`, and none where you declare more of `Identity` than its `id` */
      identity?: ((payload: Payload) => Identity) | undefined;
    }
  : { identity: (payload: Payload) => Identity };

/**
 * How {@link fromJwt} finds who has signed in.
 *
 * @publicApi
 */
export type JwtOptions<Payload extends JwtPayload = JwtPayload & Record<string, unknown>> = IdentityOfPayload<Payload> & {
  /**
   * Checks a token: its signature, its end, for whom it is. Yours, by any library: `(token) => jwtVerify(token, key, { algorithms, issuer, audience })` of
   * jose, or `(token) => jwt.verify(token, key, { algorithms })` of jsonwebtoken. Returns the payload (or what `jwtVerify` returns), and `undefined` or an error
   * of these libraries for a token that is not good. Any other error is a failure: 503.
   */
  verify: (
    token: string,
    request: IncomingMessage,
  ) =>
    | Payload
    | { payload: Payload; protectedHeader: object }
    | undefined
    | Promise<Payload | { payload: Payload; protectedHeader: object } | undefined>;
  /** From then on no token is taken. Take a day by which the last one that was given out has ended; don't move it later: who was signed out is remembered until then. */
  until: Date;
  /** The name of the cookie that has the token. Without it, and before it, `Authorization: Bearer` counts. @default none */
  cookie?: string | undefined;
  /** Entries that the session begins with. @default none */
  data?: ((payload: Payload) => Credential['data']) | undefined;
  /** How long the session lives, as `login()` takes it. @default as configured */
  remember?: Credential['remember'];
};

const BEARER = /^Bearer +([\w-]+(?:\.[\w-]*){2,4}) *$/i;
const TOKEN = /^[\w-]+(?:\.[\w-]*){2,4}$/;
/** Of one name there may be a cookie for each path. Checking a token costs. */
const MOST_TOKENS = 3;
const SIGNED_PARTS = 3;
const SECOND = 1_000;
/** Codes of jose that say that the token is not good. Others say that it could not be checked. */
const NOT_GOOD = /^ERR_(JWT_|JWS_|JWE_|JOSE_ALG_NOT_ALLOWED$|JOSE_NOT_SUPPORTED$|JWKS_NO_MATCHING_KEY$)/;
/** The same of jsonwebtoken, which Nest's `JwtService` is made of. */
const NOT_GOOD_NAMES = new Set(['JsonWebTokenError', 'TokenExpiredError', 'NotBeforeError']);

/**
 * Takes a JWT for a session, once (the option `adopt`): of the header `Authorization: Bearer`, or of a cookie. `docs/coming-from-jwt.md` shows the whole move.
 *
 * ```ts
 * adopt: fromJwt({ verify: (token) => jwtVerify(token, key, { issuer, audience }), until: new Date('2031-06-30') })
 * ```
 *
 * Throws `RedisSessionConfigError` when the options are wrong.
 *
 * @publicApi
 */
export function fromJwt<Payload extends JwtPayload = JwtPayload & Record<string, unknown>>(options: JwtOptions<Payload>): Adopter {
  const problems = problemsOf(options);
  if (problems.length > 0) throw new RedisSessionConfigError(problems);
  const adopt = (request: IncomingMessage) => {
    const tokens = tokensOf(request, options.cookie);
    return tokens.length === 0 ? undefined : firstCredential(tokens, request, options);
  };
  return Object.assign(adopt, { until: options.until });
}

async function firstCredential<Payload extends JwtPayload>(
  tokens: readonly string[],
  request: IncomingMessage,
  options: JwtOptions<Payload>,
): Promise<Credential | undefined> {
  for (const token of tokens) {
    const payload = await payloadOf(token, request, options);
    if (payload !== undefined && !isExpired(payload)) return credentialOf(token, payload, options);
  }
  return undefined;
}

async function payloadOf<Payload extends JwtPayload>(
  token: string,
  request: IncomingMessage,
  { verify }: JwtOptions<Payload>,
): Promise<Payload | undefined> {
  try {
    const verified = await verify(token, request);
    if (verified === undefined || verified === null) return undefined;
    return 'protectedHeader' in verified ? verified.payload : verified;
  } catch (error) {
    if (isNotGood(error)) return undefined;
    throw error;
  }
}

function isNotGood(error: unknown): boolean {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  return (typeof code === 'string' && NOT_GOOD.test(code)) || (typeof name === 'string' && NOT_GOOD_NAMES.has(name));
}

function isExpired({ exp }: JwtPayload): boolean {
  return typeof exp === 'number' && exp * SECOND <= Date.now();
}

function defaultIdentity({ sub = '' }: JwtPayload): Identity {
  // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- where an application declares more of it, `JwtOptions` asks for `identity`
  return { id: sub } as Identity;
}

function credentialOf<Payload extends JwtPayload>(token: string, payload: Payload, options: JwtOptions<Payload>): Credential {
  const { identity = defaultIdentity, data, remember } = options;
  const { auth_time: signedInAt = payload.iat, exp } = payload;
  if (typeof signedInAt !== 'number')
    throw new SessionMisuseError(
      'fromJwt() needs tokens that say when they were given out: "verify" returned a payload without "iat". Give out tokens with it, or write an "adopt" of your own.',
    );
  return {
    key: keyOf(token, payload),
    identity: identity(payload),
    data: data?.(payload),
    authenticatedAt: signedInAt * SECOND,
    expiresAt: typeof exp === 'number' ? exp * SECOND : undefined,
    remember,
  };
}

/**
 * What was signed, letter for letter. Not the signature: of one token there may be several (ECDSA), or several ways to write one (base64url), and with another one
 * the same token would be another credential, whose session nobody has ended.
 */
function keyOf(token: string, { jti }: JwtPayload): string {
  const parts = token.split('.');
  if (parts.length === SIGNED_PARTS) return `${parts[0]}.${parts[1]}`;
  if (typeof jti === 'string' && jti !== '') return jti;
  throw new SessionMisuseError(
    'fromJwt() needs signed tokens, or encrypted ones with a "jti": of others it cannot tell whether two are the same. Give out tokens with it, or write an "adopt" of your own.',
  );
}

function tokensOf({ headers }: IncomingMessage, cookie: string | undefined): string[] {
  const [, bearer] = BEARER.exec(headers.authorization ?? '') ?? [];
  const values = cookie === undefined || headers.cookie === undefined ? [] : cookieValues(headers.cookie, cookie);
  const tokens = values.map((value) => value.replace(/^"(.*)"$/, '$1')).filter((value) => TOKEN.test(value));
  return [...new Set(bearer === undefined ? tokens : [bearer, ...tokens])].slice(0, MOST_TOKENS);
}

function problemsOf(options: object): string[] {
  if (typeof options !== 'object' || options === null)
    return [`fromJwt() must be given an object of options, received ${kindOf(options)}. Write fromJwt({ verify, until }).`];
  const { verify, until, cookie, identity, data } = options as Partial<JwtOptions>;
  const problems: string[] = [];
  if (typeof verify !== 'function')
    problems.push(
      `"verify" of fromJwt() must be a function that checks a token and returns its payload, received ${kindOf(verify)}. With jose: (token) => jwtVerify(token, key).`,
    );
  problems.push(...untilProblems(until, 'until'));
  if (cookie !== undefined && (typeof cookie !== 'string' || cookie === ''))
    problems.push(
      `"cookie" of fromJwt() must be the name of the cookie that has the token, received ${kindOf(cookie)}. Leave it out for the header alone.`,
    );
  for (const [name, value] of Object.entries({ identity, data }))
    if (value !== undefined && typeof value !== 'function')
      problems.push(`"${name}" of fromJwt() must be a function of the payload, received ${kindOf(value)}. Leave it out for the default.`);
  return problems;
}
