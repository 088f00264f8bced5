import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { SessionMetrics } from '../../src/metrics.js';
import { diagnostics, type SessionDiagnostics } from '../../src/session/diagnostics.js';
import type { Handle } from '../../src/session/sid.js';
import { parseExposition, type Sample } from '../support/exposition.js';

const ROOT = join(import.meta.dirname, '../..');
/** What Prometheus itself adds to each series. */
const OF_PROMETHEUS = ['job', 'le'];
const METRIC = /\bnestjs_redis_session_\w+(?=\{|\[|\)|,)/g;

const session = { handle: 'h'.repeat(22) as Handle, userId: 'ada' };
const opened = { isSignedIn: true };
/** One message for each channel. */
const MESSAGES: SessionDiagnostics = {
  load: { result: 'failed', reason: 'timeout', duration: 1 },
  commit: { result: 'failed', reason: 'timeout', duration: 1 },
  save: { isNew: true, bytes: 1 },
  conflict: { reason: 'id-in-use' },
  csrfRefused: { reason: 'cross-site' },
  unavailable: { reason: 'timeout' },
  converted: opened,
  socketOpened: opened,
  socketClosed: { isSignedIn: true, opened },
  created: session,
  loggedIn: session,
  adopted: session,
  loggedOut: session,
  rotated: session,
  destroyed: session,
  revoked: { ...session, reason: 'revoked' },
  evicted: session,
  lost: session,
  rejected: { ...session, what: 'entry' },
  reused: session,
};

/** All series that there can be, as Prometheus reads them. */
async function everySeries(): Promise<Sample[]> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const meterProvider = new MeterProvider({ readers: [exporter] });
  const measuring = new SessionMetrics({ meterProvider });
  for (const [name, message] of Object.entries(MESSAGES)) diagnostics[name as 'created'].publish(message as SessionDiagnostics['created']);
  const { resourceMetrics } = await exporter.collect();
  measuring.stop();
  return parseExposition(new PrometheusSerializer().serialize(resourceMetrics)).filter(({ name }) => name !== 'target_info');
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
}

test('the Grafana dashboard asks for what the exporter has, and for all of it', async () => {
  const series = await everySeries();
  const labels = new Map<string, Set<string>>();
  for (const { name, labels: own } of series)
    labels.set(name, new Set([...OF_PROMETHEUS, ...Object.keys(own), ...(labels.get(name) ?? [])]));
  const { panels } = JSON.parse(await readFile(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8')) as Dashboard;
  const asked = new Set<string>();
  for (const { title, targets } of panels)
    for (const { expr, legendFormat } of targets) {
      const names = [...new Set(expr.replaceAll(/by \([^)]*\)/g, '').match(METRIC))];
      expect([title, names.length, names.filter((name) => !labels.has(name))]).toEqual([title, 1, []]);
      const [name = ''] = names;
      asked.add(name);
      const used = [...expr.matchAll(/by \((\w+)\)/g), ...expr.matchAll(/[{,](\w+)=~?"/g), ...legendFormat.matchAll(/\{\{(\w+)\}\}/g)];
      expect([title, used.map(([, label = '']) => label).filter((label) => labels.get(name)?.has(label) !== true)]).toEqual([title, []]);
    }
  const metrics = new Set([...labels.keys()].map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
  expect([...asked].map((name) => name.replace(/_bucket$/, '')).toSorted()).toEqual([...metrics].toSorted());
});

test('docs/metrics.md lists what the exporter has, and asks for nothing else', async () => {
  const text = await readFile(join(ROOT, 'docs/metrics.md'), 'utf8');
  const names = new Set((await everySeries()).map(({ name }) => name));
  const listed = [...text.matchAll(/^\| `([\w.]+)` +\| (?:counter|histogram|up-down)/gm)].map(([, name = '']) => name.replaceAll('.', '_'));
  const metrics = new Set([...names].map((name) => name.replace(/^nestjs_redis_session_/, '').replace(/_(?:total|bucket|sum|count)$/, '')));
  expect(listed.toSorted()).toEqual([...metrics].toSorted());
  const [, promql = ''] = /```promql\n([^]*?)```/.exec(text) ?? [];
  expect([...promql.matchAll(METRIC)].map(([name]) => name).filter((name) => !names.has(name))).toEqual([]);
});

test('docs/metrics.md lists every channel', async () => {
  const text = await readFile(join(ROOT, 'docs/metrics.md'), 'utf8');
  const table = text.slice(text.indexOf('| Channel'));
  const rows = [...table.matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
  expect(rows.toSorted()).toEqual(Object.keys(diagnostics).toSorted());
});
