// What a shop with express-session and connect-redis leaves behind: real sessions, made by those packages, for the sample to move in.
import { once } from 'node:events';
import { createServer } from 'node:http';

/** The name of the cookie, which the sample has too. */
const NAME = 'sid';
const MAX_AGE = 30 * 60 * 1_000;
const ADA = { id: 'u1', name: 'ada', roles: ['user', 'admin'] };
const GRACE = { id: 'u2', name: 'grace', roles: ['user'] };
const CART = { items: [{ sku: 'analytical-engine', quantity: 1 }] };

/** Signs so many people in there, ada first, and gives the cookie of each. */
export async function makeOldSessions({ redisUrl, secret, count }) {
  const [{ default: express }, { default: expressSession }, { RedisStore }, { Redis }] = await Promise.all([
    import('express'),
    import('express-session'),
    import('connect-redis'),
    import('ioredis'),
  ]);
  const client = new Redis(redisUrl);
  const app = express();
  const store = new RedisStore({ client });
  app.use(expressSession({ store, name: NAME, secret, resave: false, saveUninitialized: false, cookie: { maxAge: MAX_AGE } }));
  app.post('/login/:who', (request, response) => {
    Object.assign(request.session, { identity: request.params.who === ADA.name ? ADA : GRACE, cart: CART });
    response.end();
  });

  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cookies = [];
  try {
    for (let made = 0; made < count; made++) {
      const who = made === 0 ? ADA.name : GRACE.name;
      const response = await fetch(`http://127.0.0.1:${server.address().port}/login/${who}`, { method: 'POST' });
      const [cookie = ''] = response.headers.getSetCookie();
      cookies.push(cookie.split(';', 1)[0]);
    }
  } finally {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
    client.disconnect();
  }
  return cookies;
}
