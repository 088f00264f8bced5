import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseExposition, sumOf } from '../../test/support/exposition.js';
import { freeLastingPort } from '../../test/support/free-port.js';
import { until } from '../../test/support/until.js';
import { MEMORY, startSample, type RunningSample } from './start-sample.js';

const LOADS = 'nestjs_redis_session_loads_total';

let sample: RunningSample;
beforeAll(async () => {
  sample = await startSample(MEMORY);
  const browser = sample.browser();
  await browser.post('/auth/login', { username: 'ada', password: 'lovelace' });
  await browser.get('/account/me');
});
afterAll(() => sample.end('SIGTERM'));

test('/metrics shows what has happened to sessions, and nobody’s name', async () => {
  const { status, text } = await sample.browser().get('/metrics');
  const samples = parseExposition(text);
  expect([status, sumOf(samples, 'nestjs_redis_session_signed_in_total')]).toEqual([200, 1]);
  expect(sumOf(samples, LOADS)).toBeGreaterThanOrEqual(1);
  expect(text).not.toMatch(/\bada\b/);
});

const hasPrometheus = isInstalled('prometheus');
if (!hasPrometheus) process.stderr.write('SKIPPED: the test that Prometheus scrapes /metrics. There is no prometheus on the PATH.\n');

(hasPrometheus ? test : test.skip)('Prometheus scrapes it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sample-prometheus-'));
  const port = await freeLastingPort();
  const config = {
    scrape_configs: [{ job_name: 'shop', scrape_interval: '1s', static_configs: [{ targets: [new URL(sample.origin).host] }] }],
  };
  // YAML takes JSON.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
  const address = `127.0.0.1:${port}`;
  const flags = [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=${address}`];
  const prometheus = spawn('prometheus', flags, { stdio: 'ignore' });
  const closed = once(prometheus, 'close');
  try {
    const scraped = async () => {
      const url = `http://${address}/api/v1/query?query=${encodeURIComponent(`sum(${LOADS}{job="shop"})`)}`;
      // It may not have started yet.
      const response = await fetch(url).catch(() => undefined);
      if (response?.ok !== true) return false;
      const answer = (await response.json()) as { data?: { result: { value: [number, string] }[] } };
      return Number(answer.data?.result[0]?.value[1] ?? 0) >= 1;
    };
    await until(scraped, 'Prometheus has the loads of the sample');
  } finally {
    prometheus.kill('SIGKILL');
    await closed;
    await rm(folder, { recursive: true, force: true });
  }
});

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
