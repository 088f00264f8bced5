import { createRequire } from 'node:module';
import { IORedisInstrumentation, type DbStatementSerializer } from '@opentelemetry/instrumentation-ioredis';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

// Run by a process of its own, since an instrumentation changes a package when that is loaded. Goes through the life of a session, and prints its spans.
const [url = '', prefix = '', setting = ''] = process.argv.slice(2);

const exporter = new InMemorySpanExporter();
const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
// As docs/logging-and-tracing.md has it.
const nameOnly: DbStatementSerializer = (command) => command;
const instrumentation = new IORedisInstrumentation({
  requireParentSpan: false,
  ...(setting === 'as documented' ? { dbStatementSerializer: nameOnly } : {}),
});
instrumentation.setTracerProvider(tracerProvider);
instrumentation.enable();

const { Redis } = createRequire(import.meta.url)('ioredis') as typeof import('ioredis');
const { RedisSessionStore, SessionManager, sessionMiddleware, sessionOf } = await import('../../src/express.js');
const { plainExpress, serve } = await import('./plain-app.js');

const redis = new Redis(url);
const store = new RedisSessionStore(redis, { prefix, deadline: 60_000 });
const server = await serve(
  plainExpress(sessionMiddleware({ store, secret: 'a secret of the test suite, which is long enough' }), {
    '/fill': (request, response) => {
      request.session['cart'] = ['Earl Grey, 100 g'];
      response.end();
    },
    '/login': async (request, response) => {
      await sessionOf(request as never).login({ id: 'ada-lovelace' }, { keep: ['cart'] });
      response.end();
    },
    '/rotate': async (request, response) => {
      await sessionOf(request as never).rotate();
      response.end();
    },
    '/read': (request, response) => response.json(request.session['cart']),
  }),
);

const browser = server.browser();
const sids: (string | undefined)[] = [];
for (const path of ['/fill', '/read', '/login', '/rotate', '/read']) {
  await browser.post(path);
  sids.push(await browser.sid());
}
await new SessionManager(store).list('ada-lovelace');
await new SessionManager(store).revokeAll('ada-lovelace');
await store.drain();
await server.close();
await redis.quit();
const spans = exporter.getFinishedSpans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status }));
process.stdout.write(JSON.stringify({ sids, spans }));
