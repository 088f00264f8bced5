import type { RedisOptions } from 'ioredis';

const RULE = '"redis" must be a URL that begins with redis://, rediss:// or unix:';

// ioredis leaves every value of a query a string, and a commandTimeout that is no number is no timeout.
const NUMBERS = new Set([
  'port',
  'db',
  'family',
  'protocol',
  'commandTimeout',
  'connectTimeout',
  'disconnectTimeout',
  'socketTimeout',
  'blockingTimeout',
  'keepAlive',
  'maxRetriesPerRequest',
  'maxLoadingRetryTime',
]);
const BOOLEANS = new Set([
  'enableAutoPipelining',
  'enableOfflineQueue',
  'enableReadyCheck',
  'autoResendUnfulfilledCommands',
  'autoResubscribe',
  'disableClientInfo',
  'lazyConnect',
  'noDelay',
  'readOnly',
]);

/**
 * Reads a Redis URL the way ioredis does (user, password, database in the path, other options in the query), with what ioredis lacks:
 * `unix:` and typed values. A `problem` never repeats the URL, which may hold a password.
 */
export function readRedisUrl(url: string): { readonly options: RedisOptions } | { readonly problem: string } {
  try {
    return { options: url.startsWith('unix:') ? readUnixUrl(url) : readNetworkUrl(url) };
  } catch (error) {
    return {
      problem:
        error instanceof UrlProblem
          ? error.message
          : `${RULE}, and this one cannot be read. Encode special characters of its password (encodeURIComponent).`,
    };
  }
}

class UrlProblem extends Error {}

function readNetworkUrl(text: string): RedisOptions {
  if (!/^rediss?:\/\//.test(text)) throw new UrlProblem(`${RULE}. Use something like "redis://localhost:6379".`);
  const url = new URL(text);
  const database = url.pathname.replace(/^\//, '');
  return {
    ...readQuery(url.searchParams),
    ...credentials(url.username, url.password),
    ...(url.hostname === '' ? {} : { host: url.hostname.replace(/^\[|\]$/g, '') }),
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    ...(database === '' ? {} : { db: integer('the database in its path', database) }),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}

function readUnixUrl(text: string): RedisOptions {
  const [, user = '', password = '', path, query = ''] =
    /^unix:(?:\/\/(?:([^/:@]*)(?::([^/@]*))?@)?)?(\/[^?]*)(?:\?(.*))?$/.exec(text) ?? [];
  if (path === undefined) throw new UrlProblem(`${RULE}. A socket is written as "unix:/run/redis/redis.sock?db=1".`);
  return { ...readQuery(new URLSearchParams(query)), ...credentials(user, password), path: decodeURIComponent(path) };
}

function credentials(user: string, password: string): RedisOptions {
  return {
    ...(user === '' ? {} : { username: decodeURIComponent(user) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  };
}

function readQuery(query: URLSearchParams): RedisOptions {
  return Object.fromEntries([...query].map(([name, value]) => [name, typed(name, value)]));
}

function typed(name: string, value: string): unknown {
  if (name === 'maxRetriesPerRequest' && value === 'null') return null;
  if (NUMBERS.has(name)) return integer(`"${name}" in its query`, value);
  if (BOOLEANS.has(name)) {
    if (value === 'true' || value === 'false') return value === 'true';
    throw new UrlProblem(`"redis": "${name}" in its query must be true or false. Correct the URL.`);
  }
  return value;
}

function integer(where: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new UrlProblem(`"redis": ${where} must be a whole number. Correct the URL.`);
  return Number(value);
}
