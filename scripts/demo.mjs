// `npm run demo`: installs what is missing, builds the package and the sample, starts the sample. Nothing here needs an installed package.
// `npm run demo -- --migrate`: before that, an application with express-session and connect-redis signs people in, and the sample takes their sessions over.
import { randomBytes } from 'node:crypto';

import { buildAll } from './build.mjs';
import { makeOldSessions } from './demo/old-sessions.mjs';
import { refuseTakenPort } from './demo/port.mjs';
import { startPrivateRedis } from './demo/private-redis.mjs';
import { installPackages } from './install/packages.mjs';

process.chdir(`${import.meta.dirname}/..`);
const { env } = process;
const OLD_SESSIONS = 20;
const isMigrating = process.argv.includes('--migrate');
env.PORT ||= '3000';
await refuseTakenPort(env.PORT, env.HOST);

installPackages();
buildAll();

const running = {};
let ending;
// A terminal and npm may both pass on the same Ctrl-C.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (ending ??= end()));
if (env.npm_lifecycle_event === 'demo') whenParentDies(() => (ending ??= end()));

env.SESSION_SECRET ||= randomBytes(32).toString('base64url');
delete env.SESSION_STORE;
if (!env.REDIS_URL) running.redis = await startPrivateRedis();
env.REDIS_URL ||= running.redis?.url ?? '';
if (!env.REDIS_URL) {
  env.SESSION_STORE = 'memory';
  console.log('There is no REDIS_URL and no redis-server on this machine.');
}

let oldCookie;
if (isMigrating) {
  if (env.SESSION_STORE === 'memory') throw new Error('There is nothing to move without Redis. Install redis-server, or set REDIS_URL.');
  [oldCookie] = await makeOldSessions({ redisUrl: env.REDIS_URL, secret: env.SESSION_SECRET, count: OLD_SESSIONS });
  env.SESSION_MIGRATE ||= 'convert';
  console.log(`${OLD_SESSIONS} people are signed in by express-session and connect-redis.`);
}

const { startSample } = await import('../sample/dist/start-sample.js');
running.app = await startSample();
if (isMigrating) {
  console.log(`ada's old cookie still works: curl -b '${oldCookie}' ${await running.app.getUrl()}/account/me`);
}

/** npm passes signals on, but it cannot pass on its own death. */
function whenParentDies(callback) {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && callback(), 500).unref();
}

async function end() {
  await running.app?.close();
  await running.redis?.stop();
  process.exit(0);
}
