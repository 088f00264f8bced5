import { safeCodeOf } from './redis-errors.js';
import type { RedisPort } from './redis-port.js';

/**
 * Watches a client for outages: one line when Redis is lost and one when it is back, however often ioredis retries in between. Being an
 * `error` listener, it also keeps ioredis from printing errors on its own. Returns the function that ends it.
 */
export function logOutages(port: RedisPort, log: (message: string) => void): () => void {
  let lost = false;
  let closed = 0;
  const lose = (reason: string) => {
    if (!lost) log(`Redis is unavailable (${reason}). Reconnecting until it is back; this is logged once.`);
    lost = true;
  };
  const onError = (error: unknown) => lose(safeCodeOf(error) ?? 'connection');
  // One broken connection is mended at once. What accepts connections only to close them, as a proxy without a server behind it does, is
  // an outage too, and no error to ioredis.
  const onClose = () => {
    if (++closed > 1) lose('connection');
  };
  const onReady = () => {
    if (lost) log('Redis is available again.');
    lost = false;
    closed = 0;
  };
  const stops = [port.on('error', onError), port.on('close', onClose), port.on('ready', onReady)];
  return () => {
    for (const stop of stops) stop();
  };
}
