import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { metrics } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { Test } from '@nestjs/testing';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { SessionManager } from '../../src/index.js';
import { SessionMetrics } from '../../src/metrics.js';
import { diagnostics } from '../../src/session/diagnostics.js';
import type { Handle } from '../../src/session/sid.js';
import { parseExposition, sumOf, type Sample } from '../support/exposition.js';
import { CROSS_SITE, sendTo } from '../support/origin-client.js';
import { useVariant, variants } from '../support/variants.js';

const HANDLE = 'h'.repeat(22) as Handle;

/** What Prometheus would read of a provider that nobody else uses. */
class Measured {
  readonly #exporter = new PrometheusExporter({ preventServerStart: true });
  readonly provider = new MeterProvider({ readers: [this.#exporter] });

  async text(): Promise<string> {
    const { resourceMetrics } = await this.#exporter.collect();
    return new PrometheusSerializer().serialize(resourceMetrics);
  }

  async samples(): Promise<Sample[]> {
    return parseExposition(await this.text());
  }
}

let measured: Measured;
let running: SessionMetrics[];

beforeEach(() => {
  measured = new Measured();
  running = [];
});
afterEach(async () => {
  for (const one of running) one.stop();
  await measured.provider.shutdown();
});

function start(): SessionMetrics {
  const started = new SessionMetrics({ meterProvider: measured.provider });
  running.push(started);
  return started;
}

const count = async (name: string, labels?: Record<string, string>) =>
  sumOf(await measured.samples(), `nestjs_redis_session_${name}`, labels);
const byResult = (result: string) => ({ nestjs_redis_session_result: result });
const byReason = (reason: string) => ({ nestjs_redis_session_reason: reason });

/** Tells that a socket has opened. Returns what tells that it has closed. */
function openSocket(): () => void {
  const opened = { isSignedIn: true };
  diagnostics.socketOpened.publish(opened);
  return () => diagnostics.socketClosed.publish({ isSignedIn: true, opened });
}

describe.each(variants)('metrics of an application, $name', (variant) => {
  const harness = useVariant(variant);

  test('count what happens to sessions, and say how long it took and how large they are', async () => {
    const app = await harness.open({
      session: { csrf: true },
      providers: [{ provide: SessionMetrics, useFactory: () => start() }],
    });
    app.on('/fill', ({ session }) => void (session['cart'] = ['tea']));
    app.on('/rotate', ({ session }) => session.rotate());
    const browser = app.browser();
    for (const path of ['/whoami', '/fill', '/read', '/login/ada-lovelace', '/rotate', '/fill', '/read']) await browser.post(path);
    const sid = (await browser.sid()) ?? '';
    await app.app.get(SessionManager).revokeAll('ada-lovelace', 'password-changed');
    await browser.post('/read');
    await sendTo(app.origin, { path: '/plain', headers: { ...CROSS_SITE, connection: 'close' } });
    await app.sessions.drain();

    const samples = await measured.samples();
    const of = (name: string, labels?: Record<string, string>) => sumOf(samples, `nestjs_redis_session_${name}`, labels);
    expect(of('loads_total', byResult('found'))).toBe(5);
    expect(of('loads_total', byResult('ended'))).toBe(1);
    expect(of('load_duration_count')).toBe(6);
    expect(of('created_total')).toBe(2);
    expect(of('signed_in_total')).toBe(1);
    expect(of('rotated_total')).toBe(1);
    expect(of('ended_total', byReason('destroyed'))).toBe(1);
    expect(of('ended_total', byReason('password-changed'))).toBe(1);
    expect(of('csrf_refusals_total', byReason('cross-site'))).toBe(1);
    expect(of('commits_total', byResult('stored'))).toBeGreaterThanOrEqual(1);
    expect(of('commit_duration_count')).toBe(of('commits_total'));
    expect(of('size_count')).toBe(of('saves_total'));
    expect(of('size_sum')).toBeGreaterThan(0);

    const text = await measured.text();
    expect(sid).toHaveLength(54);
    expect(['lovelace', 'tea', sid, sid.slice(0, 22), sid.slice(22)].filter((secret) => text.includes(secret))).toEqual([]);
  });

  test('end with the application', async () => {
    const app = await harness.open({ providers: [{ provide: SessionMetrics, useFactory: () => start() }] });
    expect(diagnostics.load.hasSubscribers).toBe(true);
    await app.close();
    expect(diagnostics.load.hasSubscribers).toBe(false);
  });
});

describe('SessionMetrics', () => {
  test('is a provider of Nest as it stands, and measures with the provider that the SDK has registered', async () => {
    metrics.setGlobalMeterProvider(measured.provider);
    try {
      const module = await Test.createTestingModule({ providers: [SessionMetrics] }).compile();
      running.push(module.get(SessionMetrics));
      diagnostics.created.publish({ handle: HANDLE });
      expect(await count('created_total')).toBe(1);
    } finally {
      metrics.disable();
    }
  });

  test('two of them with one provider count once, until the last has stopped', async () => {
    const first = start();
    const second = start();
    diagnostics.created.publish({ handle: HANDLE });
    first.stop();
    first.stop();
    diagnostics.created.publish({ handle: HANDLE });
    second.stop();
    diagnostics.created.publish({ handle: HANDLE });
    expect(await count('created_total')).toBe(2);
    expect(diagnostics.created.hasSubscribers).toBe(false);
  });

  test('counts open sockets', async () => {
    start();
    const close = openSocket();
    openSocket();
    close();
    expect(await count('sockets')).toBe(1);
  });

  test('counts no socket as closed that was opened before it began, for somebody else', async () => {
    const close = openSocket();
    start();
    const closeLater = openSocket();
    close();
    expect(await count('sockets')).toBe(1);
    closeLater();
    expect(await count('sockets')).toBe(0);
  });

  test('takes back the sockets that are open when it stops, so that one that starts later begins at none', async () => {
    const first = start();
    const close = openSocket();
    openSocket();
    first.stop();
    close();
    start();
    openSocket();
    expect(await count('sockets')).toBe(1);
  });

  test.each([
    ['adopted', { handle: HANDLE, userId: 'ada' }, 'adopted_total', {}],
    ['converted', { isSignedIn: true }, 'converted_total', {}],
    ['loggedOut', { handle: HANDLE, userId: 'ada' }, 'signed_out_total', {}],
    ['lost', { handle: HANDLE }, 'lost_total', {}],
    ['reused', { handle: HANDLE }, 'reused_total', {}],
    ['evicted', { handle: HANDLE, userId: 'ada' }, 'ended_total', byReason('evicted')],
    ['rejected', { handle: HANDLE, what: 'entry' }, 'rejected_total', { nestjs_redis_session_what: 'entry' }],
    ['conflict', { reason: 'changed-meanwhile' }, 'conflicts_total', byReason('changed-meanwhile')],
    ['csrfRefused', { reason: 'cross-origin' }, 'csrf_refusals_total', byReason('cross-origin')],
    ['commit', { result: 'lost', duration: 5 }, 'commits_total', byResult('lost')],
    ['commit', { result: 'failed', reason: 'OOM', duration: 5 }, 'commits_total', { ...byResult('failed'), error_type: 'OOM' }],
  ] as const)('counts each message of %s: %j', async (channel, message, name, labels) => {
    start();
    const { publish } = diagnostics[channel] as { publish(message: object): void };
    publish.call(diagnostics[channel], message);
    publish.call(diagnostics[channel], message);
    const samples = await measured.samples();
    expect(sumOf(samples, `nestjs_redis_session_${name}`, labels)).toBe(2);
    expect(sumOf(samples, `nestjs_redis_session_${name}`)).toBe(2);
  });

  test('tells why by the words of the semantic conventions', async () => {
    start();
    diagnostics.load.publish({ result: 'failed', reason: 'timeout', duration: 1_000 });
    diagnostics.unavailable.publish({ reason: 'OOM' });
    expect(await count('loads_total', { ...byResult('failed'), error_type: 'timeout' })).toBe(1);
    expect(await count('unavailable_total', { error_type: 'OOM' })).toBe(1);
    expect(await count('load_duration_sum')).toBe(1);
  });

  test('tells few reasons apart, however many an application has', async () => {
    start();
    for (let n = 0; n < 100; n++) diagnostics.revoked.publish({ handle: HANDLE, userId: 'ada', reason: `reason-${n}` });
    const samples = (await measured.samples()).filter(({ name }) => name === 'nestjs_redis_session_ended_total');
    expect(samples.length).toBe(21);
    expect(sumOf(samples, 'nestjs_redis_session_ended_total', byReason('other'))).toBe(80);
  });

  test('gives durations in seconds and sizes in bytes, in buckets that fit', async () => {
    start();
    diagnostics.load.publish({ result: 'found', duration: 0.7 });
    diagnostics.commit.publish({ result: 'stored', duration: 0.7 });
    diagnostics.save.publish({ isNew: true, bytes: 350 });
    expect(await count('load_duration_bucket', { le: '0.0005' })).toBe(0);
    expect(await count('load_duration_bucket', { le: '0.001' })).toBe(1);
    expect(await count('commit_duration_bucket', { le: '0.0005' })).toBe(0);
    expect(await count('commit_duration_bucket', { le: '0.001' })).toBe(1);
    expect(await count('size_bucket', { le: '256' })).toBe(0);
    expect(await count('size_bucket', { le: '1024' })).toBe(1);
  });
});
