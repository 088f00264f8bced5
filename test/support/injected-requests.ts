import { SessionStoreUnavailableError } from '../../src/fastify.js';
import { addToCart, openNestFastify, openPlainFastify } from './fastify-app.js';
import { until } from './until.js';

// Run by a process of its own, and prints what came of each request: jest cannot load what inject() needs on Node 20.
const isNest = process.argv[2] === 'under Nest';
const app = await (isNest ? openNestFastify : openPlainFastify)({
  scripts: {
    '/raw': (request, reply) => {
      addToCart(request, 'raw');
      reply.hijack();
      reply.raw.end('raw');
    },
  },
});

async function ask(url: string, cookie?: string) {
  const response = await app.instance.inject({ url, ...(cookie === undefined ? {} : { headers: { cookie } }) });
  const setCookies = [response.headers['set-cookie'] ?? []].flat();
  return { status: response.statusCode, text: response.payload, setCookies };
}

const changed = await ask('/change');
const [cookie] = changed.setCookies.map((line) => line.split(';')[0]);
const read = await ask('/read', cookie);
const raw = await ask(isNest ? '/own/raw' : '/raw', cookie);
await until(async () => (await ask('/read', cookie)).text.includes('raw'), 'what was changed before the response closed is stored');
app.store.failure = new SessionStoreUnavailableError('timeout');
const failed = await ask('/change');
await app.close();
process.stdout.write(
  JSON.stringify({
    changed: [changed.status, changed.setCookies.length],
    read: [read.status, read.text, read.setCookies.length],
    raw: [raw.status, raw.text],
    failed: [failed.status, failed.setCookies.length],
  }),
);
