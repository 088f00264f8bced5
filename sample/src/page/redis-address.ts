/** The URL of a Redis without what may be secret in it: user, password and query. */
export function withoutSecrets(redisUrl: string): string {
  return redisUrl.replace(/\?.*$/s, '').replace(/^(\w+:\/\/).*@/s, '$1');
}

/** The beginning of a `redis-cli` command that reaches the same database. */
export function redisCli(redisUrl: string): string {
  const address = withoutSecrets(redisUrl);
  const socket = /^unix:(?:\/\/)?(.*)$/.exec(address)?.[1];
  if (socket !== undefined) return `redis-cli -s ${socket}`;
  const { protocol, hostname, port, pathname } = new URL(address);
  return [
    'redis-cli',
    ...(hostname === '127.0.0.1' || hostname === 'localhost' ? [] : ['-h', hostname.replaceAll(/[[\]]/g, '')]),
    ...(port === '' ? [] : ['-p', port]),
    ...(pathname.length > 1 ? ['-n', pathname.slice(1)] : []),
    ...(protocol === 'rediss:' ? ['--tls'] : []),
    ...(address === redisUrl.replace(/\?.*$/s, '') ? [] : ['--askpass']),
  ].join(' ');
}
