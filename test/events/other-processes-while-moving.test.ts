import { afterEach, beforeEach, test } from '@jest/globals';
import { createScriptedApp, type ScriptedApp } from '../support/scripted-app.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { until } from '../support/until.js';

const CHANNEL = 'sess:events';

let redis: RedisServer;
let app: ScriptedApp | undefined;

beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await app?.close();
  await redis.stop();
});

test.each([[undefined], ['prepare'], ['convert']] as const)(
  'a process with migrate %j is told of the events of others',
  async (migrate) => {
    app = await createScriptedApp({
      redis: redis.options,
      session: { name: 'sid' },
      store: { events: 'cluster', ...(migrate === undefined ? {} : { migrate }) },
    });
    await until(async () => Number((await redis.client().pubsub('NUMSUB', CHANNEL))[1]) === 1, 'the process listens to the others');
  },
);
