import { kindOf, unknownNames } from '../../session/option-checks.js';
import type { CrossOriginRules } from './cross-origin.js';

/**
 * Which requests with an unsafe method (any but GET, HEAD and OPTIONS) pass although no page of this origin is known to have sent them.
 *
 * @publicApi
 */
export interface CsrfOptions {
  /**
   * Other origins whose pages may send such requests: `scheme://host` or `scheme://host:port`, exactly as browsers send them in `Origin`: in lower case,
   * without path, trailing slash, default port or wildcards.
   *
   * @daily
   * @default []
   */
  trustedOrigins?: readonly string[] | undefined;
  /**
   * Also refuses requests that have neither `Sec-Fetch-Site` nor `Origin`. They come from scripts, applications and webhooks, which carry no browser's
   * cookies, and from very old browsers.
   *
   * @default false
   */
  strict?: boolean | undefined;
}

/** {@link CsrfOptions} with every default filled in. */
export interface CsrfSettings extends CrossOriginRules {
  /** Whether every request is checked, or those only that `CsrfGuard` is put before. */
  readonly everywhere: boolean;
}

const CSRF_NAMES = ['trustedOrigins', 'strict'];
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

/** Fills in the defaults of an option without problems. */
export function resolveCsrfOption(csrf: boolean | CsrfOptions | undefined): CsrfSettings {
  const { trustedOrigins = [], strict = false } = typeof csrf === 'object' ? csrf : {};
  return { everywhere: csrf !== undefined && csrf !== false, trustedOrigins: new Set(trustedOrigins), strict };
}

/** What is wrong with the option, one sentence each: name, rule, cure. */
export function csrfOptionProblems(csrf: unknown): string[] {
  if (csrf === undefined || typeof csrf === 'boolean') return [];
  if (typeof csrf !== 'object' || csrf === null || Array.isArray(csrf))
    return [
      `"session.csrf" must be true, false or an object, received ${kindOf(csrf)}. Set it to true to refuse requests from other sites.`,
    ];
  const { trustedOrigins, strict } = csrf as Record<keyof CsrfOptions, unknown>;
  const problems = unknownNames('session.csrf', csrf, CSRF_NAMES);
  if (strict !== undefined && typeof strict !== 'boolean')
    problems.push(`"session.csrf.strict" must be true or false, received ${kindOf(strict)}. Leave it out for false.`);
  if (trustedOrigins === undefined) return problems;
  if (!Array.isArray(trustedOrigins))
    return [
      ...problems,
      `"session.csrf.trustedOrigins" must be an array of origins, received ${kindOf(trustedOrigins)}. Put it in brackets.`,
    ];
  return [
    ...problems,
    ...trustedOrigins.flatMap((origin: unknown, index) =>
      isOrigin(origin)
        ? []
        : [
            `"session.csrf.trustedOrigins[${index}]" must be an origin exactly as browsers send it: scheme://host or scheme://host:port in lower case, without path, trailing slash, default port and wildcard. Use something like "https://app.example.com".`,
          ],
    ),
  ];
}

function isOrigin(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const [, scheme = ''] = ORIGIN.exec(value) ?? [];
  if (scheme === '' || !URL.canParse(value)) return false;
  // Of other schemes, such as that of an extension or of an application with a page in it, URLs have no canonical form.
  return !['http', 'https'].includes(scheme) || new URL(value).origin === value;
}
