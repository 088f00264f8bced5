import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

const SCRIPTS = join(process.cwd(), 'scripts/install');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'install-'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'calls'), '');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program of that name, in the place of the real one. It writes down how it was called, and then does what `lines` say. */
function program(name: string, ...lines: string[]): void {
  const text = ['#!/bin/sh', `cd '${folder}'`, `echo "${name} $*" >> calls`, ...lines].join('\n');
  writeFileSync(join(folder, 'bin', name), text, { mode: 0o755 });
}

/** Runs a function of a script in a process of its own, and says how that ended, what it printed, and which programs it called. */
function run(file: string, name: string, PATH: string, prelude = '') {
  const code = `${prelude}; (await import('${pathToFileURL(file).href}')).${name}()`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env: { PATH },
    encoding: 'utf8',
  });
  const calls = readFileSync(join(folder, 'calls'), 'utf8').split('\n').filter(Boolean);
  writeFileSync(join(folder, 'calls'), '');
  return { status, stdout, stderr, calls: calls.filter((call) => !/ --version$| -n true$/.test(call)) };
}

describe('npm test, where redis-server is missing,', () => {
  const COMMANDS = {
    'apt-get': 'apt-get install -y --no-install-recommends redis-server',
    apk: 'apk add redis',
    dnf: 'dnf install -y redis',
    brew: 'brew install redis',
  };
  const INSTALL = 'case $1 in install | add) : > installed ;; esac';

  beforeEach(() => {
    symlinkSync('/usr/bin/env', join(folder, 'bin/env'));
    program('redis-server', 'test -e installed');
  });

  const install = (uid: number) =>
    run(join(SCRIPTS, 'redis-server.mjs'), 'installRedisServer', join(folder, 'bin'), `process.getuid = () => ${uid}`);
  const mayUseSudo = () => program('sudo', 'shift', 'case $1 in true) exit 0 ;; esac', 'exec "$@"');

  test.each(Object.entries(COMMANDS))('has %s install it', (manager, command) => {
    program(manager, INSTALL);
    expect(install(0)).toMatchObject({ status: 0, stderr: '', calls: [command] });
    expect(install(0)).toMatchObject({ status: 0, stdout: '', stderr: '', calls: [] });
  });

  test('asks for fresh lists where the package is not found in the old ones', () => {
    program('apt-get', 'case $1 in update) : > updated ;; install) test -e updated && : > installed ;; esac');
    const { 'apt-get': command } = COMMANDS;
    expect(install(0)).toMatchObject({ status: 0, calls: [command, 'apt-get update', command] });
  });

  test('uses sudo where that asks for no password, and not for brew', () => {
    mayUseSudo();
    program('apk', INSTALL);
    expect(install(1_000)).toMatchObject({ status: 0, calls: [expect.stringMatching(/^sudo -n env .*apk add redis$/), COMMANDS.apk] });
    rmSync(join(folder, 'installed'));
    rmSync(join(folder, 'bin/apk'));
    program('brew', INSTALL);
    expect(install(1_000)).toMatchObject({ status: 0, calls: [COMMANDS.brew] });
  });

  test('says in one line what to type where it may not install it', () => {
    program('apt-get', INSTALL);
    const stderr = `redis-server is missing. Type: sudo ${COMMANDS['apt-get']}\n`;
    expect(install(1_000)).toEqual({ status: 1, stdout: '', stderr, calls: [] });
  });

  test('says so too where it cannot', () => {
    program('dnf', 'case $1 in install) exit 1 ;; esac');
    expect(install(0)).toMatchObject({ status: 1, stderr: `redis-server could not be installed. Type: sudo ${COMMANDS.dnf}\n` });
  });

  test('says what is wanted where there is nothing to install it with', () => {
    const { status, stderr } = install(0);
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toMatch(/^redis-server is missing .* Install Redis 6\.2 or later/);
  });
});

describe('npm run test:servers, where the other servers are missing,', () => {
  const fetch = () =>
    run(join(folder, 'scripts/install/other-servers.mjs'), 'fetchOtherServers', [join(folder, 'bin'), process.env['PATH']].join(delimiter));

  beforeEach(() => cpSync(SCRIPTS, join(folder, 'scripts/install'), { recursive: true }));

  test.each([
    ['no source', ''],
    ['only sources of something else', 'echo another-release main file:/another/'],
  ])('fails and says what to do where apt has %s of Debian', (_, lines) => {
    program('apt-get', lines);
    const { status, stderr } = fetch();
    expect([status, stderr]).toEqual([1, expect.stringMatching(/apt on this machine has no source of Debian\. .* TEST_REDIS_SERVER=/)]);
  });
});

describe('packages', () => {
  const LOCK = {
    packages: {
      '': { dependencies: { one: '^1.0.0' } },
      'node_modules/one': { version: '1.0.0', integrity: 'sha512-one' },
      'node_modules/of-another-platform': { version: '1.0.0', integrity: 'sha512-two', optional: true },
    },
  };
  const CI = 'npm ci --include=dev --prefer-offline --no-audit --no-fund';
  const write = (file: string, value: unknown) => writeFileSync(join(folder, file), JSON.stringify(value));

  beforeEach(() => {
    cpSync(SCRIPTS, join(folder, 'scripts/install'), { recursive: true });
    write('package.json', { dependencies: { one: '^1.0.0' } });
    write('package-lock.json', LOCK);
    const { 'node_modules/one': one } = LOCK.packages;
    write('installed.json', { packages: { 'node_modules/one': one } });
    program('npm', 'mkdir -p node_modules/one', 'cp installed.json node_modules/.package-lock.json');
  });

  const install = () =>
    run(join(folder, 'scripts/install/packages.mjs'), 'installPackages', [join(folder, 'bin'), process.env['PATH']].join(delimiter));

  test('are installed where there are none, and then no more', () => {
    expect(install()).toEqual({ status: 0, stdout: 'Installing npm packages (none are installed)\n', stderr: '', calls: [CI] });
    expect(install()).toEqual({ status: 0, stdout: '', stderr: '', calls: [] });
  });

  test.each<[string, () => void, string]>([
    ['one of them is gone', () => rmSync(join(folder, 'node_modules/one'), { recursive: true }), 'one is missing or stale'],
    [
      'the lockfile asks for another version',
      () => write('package-lock.json', { packages: { ...LOCK.packages, 'node_modules/one': { version: '1.0.1' } } }),
      'one is missing or stale',
    ],
    [
      'package.json asks for more',
      () => write('package.json', { dependencies: { one: '^1.0.0', two: '*' } }),
      'package.json is not what package-lock.json says',
    ],
  ])('are installed again where %s', (_, change, reason) => {
    install();
    change();
    expect(install()).toMatchObject({ status: 0, stdout: `Installing npm packages (${reason})\n`, calls: [CI] });
  });

  test('that cannot be installed end it with a line that says what to do', () => {
    program('npm', 'exit 1');
    expect(install()).toMatchObject({ status: 1, stderr: expect.stringMatching(/^npm ci failed\. .*: npm install\n$/) });
  });
});
