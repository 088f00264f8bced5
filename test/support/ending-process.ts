import { Redis } from 'ioredis';
import { RedisEventChannel, RedisSessionStore, SessionManager } from '../../src/express.js';

// Run by a process of its own, which shares its events: ends all sessions of each user that it is told.
const [url = '', prefix = ''] = process.argv.slice(2);
const client = new Redis(url);
const store = new RedisSessionStore(client, { prefix, deadline: 60_000 });
const channel = new RedisEventChannel(client, store, () => undefined);
channel.open();

process.on('message', (userId: string) => {
  void new SessionManager(store).revokeAll(userId).then((ended) => process.send?.(ended));
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
