// `npm run demo`: installs what is missing, builds the package and the sample, starts the sample. Nothing here needs an installed package.
import { randomBytes } from 'node:crypto';

import { buildSample } from './demo/build.mjs';
import { refuseTakenPort } from './demo/port.mjs';
import { startPrivateRedis } from './demo/private-redis.mjs';
import { installPackages } from './install/packages.mjs';

process.chdir(`${import.meta.dirname}/..`);
const { env } = process;
env.PORT ||= '3000';
await refuseTakenPort(env.PORT, env.HOST);

installPackages();
buildSample();

env.SESSION_SECRET ||= randomBytes(32).toString('base64url');
delete env.SESSION_STORE;
env.REDIS_URL ||= (await startPrivateRedis()) ?? '';
if (env.REDIS_URL === '') {
  env.SESSION_STORE = 'memory';
  console.log('There is no REDIS_URL and no redis-server on this machine.');
}

// In this process, so that there is one less to end; it handles the signals.
await import('../sample/dist/main.js');
