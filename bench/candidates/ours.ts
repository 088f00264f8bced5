import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { HttpSession, RedisSessionModule, RedisSessionOptions } from '../../src/index.js';
import type { BenchRequest, Candidate, PackedVersion, Storage, Wiring } from './candidate.js';
import { COOKIE_NAME, IDLE_MS, PLAIN_ACCESS, plainSession, SECRET } from './plain-session.js';

type Middleware = 'builtin' | 'express-session';
type Beside = Pick<RedisSessionOptions, 'context'>;

/** What is used of a version of this package. */
interface OurPackage {
  readonly RedisSessionModule: Pick<typeof RedisSessionModule, 'forRoot'>;
  readonly sessionOf: (request: BenchRequest) => Pick<HttpSession, 'login'>;
}

/** A module beside the installed package; see `bench/setup/packed-version.mjs`. */
const ENTRY = 'entry.mjs';

export const builtin: Candidate = ours('builtin');
export const builtinWithContext: Candidate = {
  ...ours('builtin', { context: true }),
  name: 'builtin-context',
  title: "ours, 'context: true'",
  extra: true,
};
export const builtinWithMetrics: Candidate = {
  ...ours('builtin'),
  name: 'builtin-metrics',
  title: 'ours, SessionMetrics',
  extra: true,
  wire: async (storage) => {
    await measureSessions();
    return builtin.wire(storage);
  },
};
export const oursOverExpressSession: Candidate = { ...ours('express-session'), extra: true };

/** `builtin` of another version of this package, which was packed and installed. */
export function packedBuiltin(packed: PackedVersion): Candidate {
  const { version, folder } = packed;
  const entry = pathToFileURL(path.resolve(folder, ENTRY)).href;
  return {
    name: `builtin-${version}`,
    title: `builtin ${version}`,
    packed,
    wire: async (storage) => wired('builtin', storage, (await import(entry)) as OurPackage),
  };
}

/** @param beside further options */
function ours(middleware: Middleware, beside: Beside = {}): Candidate {
  return {
    name: middleware,
    title: `ours, '${middleware}'`,
    wire: async (storage) => wired(middleware, storage, await presentPackage(), beside),
  };
}

/** As an application that Prometheus scrapes, which nobody does here. */
async function measureSessions(): Promise<object> {
  const [{ MeterProvider }, { PrometheusExporter }, { SessionMetrics }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
    import('../../src/metrics.js'),
  ]);
  const readers = [new PrometheusExporter({ preventServerStart: true })];
  return new SessionMetrics({ meterProvider: new MeterProvider({ readers }) });
}

async function presentPackage(): Promise<OurPackage> {
  const [{ RedisSessionModule: Module }, { sessionOf }] = await Promise.all([import('../../src/index.js'), import('../../src/express.js')]);
  return { RedisSessionModule: Module, sessionOf };
}

/** A fresh application of ours: everything by default, with the cookie that the others have. */
function wired(
  middleware: Middleware,
  { redisUrl, prefix }: Storage,
  { RedisSessionModule: Module, sessionOf }: OurPackage,
  beside: Beside = {},
): Wiring {
  return {
    access: {
      ...PLAIN_ACCESS,
      signIn: async (request, _response, { identity, ...entries }) => {
        await sessionOf(request).login({ ...identity });
        Object.assign(plainSession(request), entries);
      },
    },
    imports: [
      Module.forRoot({
        redis: redisUrl,
        session: { name: COOKIE_NAME, secret: SECRET, cookie: { maxAge: IDLE_MS }, middleware },
        store: { prefix },
        ...beside,
      }),
    ],
  };
}
