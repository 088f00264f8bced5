import { metrics, type Attributes, type Meter, type MeterProvider } from '@opentelemetry/api';
import { onDiagnostics, type SessionDiagnostics, type SocketOpenedDiagnostics } from '../session/diagnostics.js';

/**
 * Where the metrics go.
 *
 * @publicApi
 */
export interface SessionMetricsOptions {
  /**
   * OpenTelemetry's `MeterProvider`.
   *
   * @default the global one, which your SDK has registered by then
   */
  meterProvider?: MeterProvider | undefined;
}

const METER = 'nestjs-redis-session';
const PREFIX = 'nestjs_redis_session.';
const RESULT = `${PREFIX}result`;
const REASON = `${PREFIX}reason`;
/** Of OpenTelemetry's semantic conventions. */
const ERROR_TYPE = 'error.type';

const MS_PER_SECOND = 1_000;
/** Redis answers within one or two ms; the deadline is a second, unless you set another. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Up to four times what a session may hold by default. */
const BYTES = [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144];
/** So many different reasons for ending sessions, the application's own words, are told apart. */
const MOST_REASONS = 20;
const OTHER = 'other';

const FOUND: Attributes = { [RESULT]: 'found' };
const STORED: Attributes = { [RESULT]: 'stored' };

/** By provider, what measures, and for how many it does. */
const measuring = new WeakMap<MeterProvider, { users: number; readonly stop: () => void }>();

/**
 * Measures what this process does with sessions, with OpenTelemetry's metrics API. In Nest, put it into `providers`:
 *
 * ```ts
 * providers: [SessionMetrics]
 * ```
 *
 * Elsewhere, call `new SessionMetrics()` when the process starts. Your SDK must be registered before. No attribute holds a handle or a user.
 * Two of them with one provider count everything once.
 *
 * @publicApi
 */
export class SessionMetrics {
  readonly #provider: MeterProvider;
  #isStopped = false;

  constructor({ meterProvider = metrics.getMeterProvider() }: SessionMetricsOptions = {}) {
    this.#provider = meterProvider;
    const known = measuring.get(meterProvider);
    if (known === undefined) measuring.set(meterProvider, { users: 1, stop: measure(meterProvider.getMeter(METER)) });
    else known.users++;
  }

  /** Ends it. Nest calls that by `onApplicationShutdown`. */
  stop(): void {
    const known = measuring.get(this.#provider);
    if (this.#isStopped || known === undefined) return;
    this.#isStopped = true;
    if (--known.users > 0) return;
    known.stop();
    measuring.delete(this.#provider);
  }

  onApplicationShutdown(): void {
    this.stop();
  }
}

/** Makes the instruments, and listens for them. Returns what ends that. */
function measure(meter: Meter): () => void {
  const stops = [
    ...measureLoads(meter),
    ...measureCommits(meter),
    ...measureEnds(meter),
    ...measureSockets(meter),
    count(meter, 'created', { name: 'created', unit: '{session}', description: 'Sessions that were stored for the first time' }),
    count(meter, 'loggedIn', { name: 'signed_in', unit: '{session}', description: 'Sign-ins' }),
    count(meter, 'adopted', { name: 'adopted', unit: '{session}', description: 'Sessions that were made from a credential' }),
    count(meter, 'converted', {
      name: 'converted',
      unit: '{session}',
      description: 'Sessions of connect-redis that were made sessions of this package',
    }),
    count(meter, 'loggedOut', { name: 'signed_out', unit: '{session}', description: 'Identities taken out of sessions that go on' }),
    count(meter, 'rotated', { name: 'rotated', unit: '{session}', description: 'Sessions that got a new secret' }),
    count(meter, 'lost', { name: 'lost', unit: '{change}', description: 'Changes dropped because their session had ended meanwhile' }),
    count(meter, 'reused', { name: 'reused', unit: '{request}', description: 'Requests with a secret that their session does not have' }),
    count(
      meter,
      'rejected',
      { name: 'rejected', unit: '{read}', description: 'Data in the store that this package has not written' },
      ({ what }) => ({ [`${PREFIX}what`]: what }),
    ),
    count(meter, 'conflict', { name: 'conflicts', unit: '{conflict}', description: 'Two requests in each other’s way' }, ({ reason }) => ({
      [REASON]: reason,
    })),
    count(
      meter,
      'csrfRefused',
      { name: 'csrf.refusals', unit: '{request}', description: 'Requests that a page of another site may have sent' },
      ({ reason }) => ({ [REASON]: reason }),
    ),
    count(
      meter,
      'unavailable',
      { name: 'unavailable', unit: '{request}', description: 'Requests answered 503 because the store did not answer' },
      ({ reason }) => ({ [ERROR_TYPE]: reason }),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

interface Counted {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** One for each message of a channel. */
function count<Name extends keyof SessionDiagnostics>(
  meter: Meter,
  channel: Name,
  { name, ...options }: Counted,
  attributesOf?: (message: SessionDiagnostics[Name]) => Attributes,
): () => void {
  const counter = meter.createCounter(PREFIX + name, options);
  return onDiagnostics(channel, (message) => counter.add(1, attributesOf?.(message)));
}

function measureLoads(meter: Meter): (() => void)[] {
  const loads = meter.createCounter(`${PREFIX}loads`, { unit: '{load}', description: 'Sessions of requests that the store was asked for' });
  const duration = seconds(meter, 'load.duration', 'How long requests waited for their session');
  return [
    onDiagnostics('load', ({ result, duration: ms, reason }) => {
      const attributes = result === 'found' ? FOUND : outcome(result, reason);
      loads.add(1, attributes);
      duration.record(ms / MS_PER_SECOND, attributes);
    }),
  ];
}

function measureCommits(meter: Meter): (() => void)[] {
  const commits = meter.createCounter(`${PREFIX}commits`, { unit: '{commit}', description: 'Changes of sessions that were to be stored' });
  const duration = seconds(meter, 'commit.duration', 'How long requests waited for their changes to be stored');
  const saves = meter.createCounter(`${PREFIX}saves`, { unit: '{save}', description: 'Writes of entries to the store' });
  const size = meter.createHistogram(`${PREFIX}size`, {
    unit: 'By',
    description: 'Size of sessions when they were written',
    advice: { explicitBucketBoundaries: BYTES },
  });
  return [
    onDiagnostics('commit', ({ result, duration: ms, reason }) => {
      const attributes = result === 'stored' ? STORED : outcome(result, reason);
      commits.add(1, attributes);
      duration.record(ms / MS_PER_SECOND, attributes);
    }),
    onDiagnostics('save', ({ bytes }) => {
      saves.add(1);
      size.record(bytes);
    }),
  ];
}

function measureEnds(meter: Meter): (() => void)[] {
  const ended = meter.createCounter(`${PREFIX}ended`, { unit: '{session}', description: 'Sessions that somebody has ended' });
  const known = new Set<string>();
  const end = (word: string) => {
    if (known.size < MOST_REASONS) known.add(word);
    ended.add(1, { [REASON]: known.has(word) ? word : OTHER });
  };
  return [
    onDiagnostics('destroyed', () => end('destroyed')),
    onDiagnostics('evicted', () => end('evicted')),
    onDiagnostics('revoked', ({ reason }) => end(reason)),
  ];
}

function measureSockets(meter: Meter): (() => void)[] {
  const open = meter.createUpDownCounter(`${PREFIX}sockets`, { unit: '{socket}', description: 'Open sockets that have a session' });
  // Not those that were open before it listened: it never counted them.
  const counted = new Set<SocketOpenedDiagnostics>();
  const stops = [
    onDiagnostics('socketOpened', (opened) => {
      counted.add(opened);
      open.add(1);
    }),
    onDiagnostics('socketClosed', ({ opened }) => {
      if (counted.delete(opened)) open.add(-1);
    }),
  ];
  // Nobody will hear them close, and the provider keeps the sum for one that starts later.
  return [...stops, () => open.add(-counted.size)];
}

function seconds(meter: Meter, name: string, description: string) {
  return meter.createHistogram(PREFIX + name, { unit: 's', description, advice: { explicitBucketBoundaries: SECONDS } });
}

function outcome(result: string, reason: string | undefined): Attributes {
  return { [RESULT]: result, ...(reason === undefined ? {} : { [ERROR_TYPE]: reason }) };
}
