const CREDENTIALS = /^(\w+:\/\/)([^:/?]*)(.*)@/s;

/** The URL of a Redis without what may be secret in it: user, password and query. */
export function withoutSecrets(redisUrl: string): string {
  return withoutQuery(redisUrl).replace(CREDENTIALS, '$1');
}

/** The beginning of a `redis-cli` command that reaches the same database, and asks for the password where there is one. */
export function redisCli(redisUrl: string): string {
  const [, , user = '', password = ''] = CREDENTIALS.exec(withoutQuery(redisUrl)) ?? [];
  const login = [...(user === '' ? [] : ['--user', user]), ...(password === '' ? [] : ['--askpass'])];
  return ['redis-cli', ...reach(withoutSecrets(redisUrl)), ...login].join(' ');
}

function reach(address: string): string[] {
  const socket = /^unix:(?:\/\/)?(.*)$/.exec(address)?.[1];
  if (socket !== undefined) return ['-s', socket];
  const { protocol, hostname, port, pathname } = new URL(address);
  return [
    ...(hostname === '127.0.0.1' || hostname === 'localhost' ? [] : ['-h', hostname.replaceAll(/[[\]]/g, '')]),
    ...(port === '' ? [] : ['-p', port]),
    ...(pathname.length > 1 ? ['-n', pathname.slice(1)] : []),
    ...(protocol === 'rediss:' ? ['--tls'] : []),
  ];
}

function withoutQuery(redisUrl: string): string {
  return redisUrl.replace(/\?.*$/s, '');
}
