/** Labels of at most 63 characters (RFC 1034, section 3.5), with a leading dot at will, which browsers leave out (RFC 6265, section 5.2.3). */
const DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/**
 * Whether a cookie can have that domain: as an option, as it is stored with a session, and as a handler sets it. No wider than what the package
 * `cookie` writes, which throws at anything else.
 */
export function isCookieDomain(value: unknown): boolean {
  return typeof value === 'string' && DOMAIN.test(value);
}
