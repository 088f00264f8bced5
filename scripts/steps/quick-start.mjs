// The quick start of the README, done as its reader does it: an empty project of `nest new`, the packages of the section "Install", the code of
// the section "Quick start" in the place of src/app.module.ts, and what its commands show.
//
//   node scripts/steps/quick-start.mjs esm .cache/package.tgz      the template of ES modules, with Vitest
//   node scripts/steps/quick-start.mjs cjs .cache/package.tgz      that of CommonJS, with jest
//   node scripts/steps/quick-start.mjs nest11 .cache/package.tgz   the only one of Nest 11: CommonJS, with jest
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { childEnvironment, runProgram } from '../child-process.mjs';
import { freePort, startPrivateRedis } from '../demo/private-redis.mjs';
import { fencedBlocks } from './markdown.mjs';
import { ROOT } from './public-api.mjs';

const [template, tarball] = process.argv.slice(2);
const CLI_11 = '@nestjs/cli@11.0.13';
const COLLECTION = path.join(ROOT, 'node_modules/@nestjs/schematics/dist/collection.json');
/** The quick start does not need them, and they are most of what would be installed. */
const NOT_NEEDED = /lint|prettier|mau|supertest|coverage|ts-loader|^tsconfig-paths$|source-map/;

const parent = await mkdtemp(path.join(tmpdir(), `quick-start-${template}-`));
const folder = path.join(parent, 'shop');
try {
  const { packages, code } = await quickStart();
  await nestNew();
  await withoutWhatIsNotNeeded();
  await run('npm', ['install', path.resolve(tarball), ...packages, '--prefer-offline', '--no-audit', '--no-fund'], folder);
  console.log('installs');
  await writeFile(path.join(folder, 'src/app.module.ts'), code);
  await run('npm', ['run', 'build'], folder);
  console.log('compiles');
  await test();
  await visit();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(parent, { recursive: true, force: true });
}

async function nestNew() {
  if (template === 'nest11')
    return run('npx', [
      '--yes',
      '--prefer-offline',
      CLI_11,
      'new',
      'shop',
      '--package-manager=npm',
      '--skip-install',
      '--skip-git',
      '--strict',
    ]);
  return run(path.join(ROOT, 'node_modules/.bin/schematics'), [
    `${COLLECTION}:application`,
    '--name=shop',
    `--type=${template}`,
    '--package-manager=npm',
    '--no-dry-run',
    '--debug=false',
  ]);
}

/** What the README says to install besides this package, and to paste. */
async function quickStart() {
  const readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
  const [, line] = /^npm install nestjs-redis-session (.+)$/m.exec(readme) ?? [];
  const block = fencedBlocks(readme).find(({ language }) => language === 'ts');
  assert.ok(line !== undefined && block !== undefined, 'README.md has no line "npm install nestjs-redis-session …", or no TypeScript');
  return { packages: line.split(' '), code: block.code };
}

async function withoutWhatIsNotNeeded() {
  const file = path.join(folder, 'package.json');
  const manifest = JSON.parse(await readFile(file, 'utf8'));
  const needed = Object.entries(manifest.devDependencies).filter(([name]) => !NOT_NEEDED.test(name));
  await writeFile(file, JSON.stringify({ ...manifest, devDependencies: Object.fromEntries(needed) }));
}

async function run(program, args, cwd = parent, variables = {}) {
  const { code, output } = await runProgram(program, args, { cwd, env: childEnvironment(variables), timeout: 900_000 });
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${output}`);
}

/** With the test runner of the template, as it is set up there. */
async function test() {
  // jest can require Nest 12, which is ES modules, from Node 24.9 on.
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (template === 'cjs' && (major < 24 || (major === 24 && minor < 9))) return;
  const extension = template === 'esm' ? '.js' : '';
  await writeFile(
    path.join(folder, 'test/app.e2e-spec.ts'),
    `import { Test } from '@nestjs/testing';
import { MemorySessionStore, SessionStore } from 'nestjs-redis-session';
import { AppModule } from '../src/app.module${extension}';

it('signs in', async () => {
  const testing = await Test.createTestingModule({ imports: [AppModule] })
    .overrideProvider(SessionStore)
    .useValue(new MemorySessionStore())
    .compile();
  const app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  try {
    const url = await app.getUrl();
    const signedIn = await fetch(url + '/login', { method: 'POST', body: new URLSearchParams({ password: 'lovelace' }) });
    const cookie = signedIn.headers.getSetCookie().map((one) => one.split(';')[0]).join('; ');
    const me = await fetch(url + '/me', { headers: { cookie } });
    expect(await me.json()).toEqual({ id: 'ada', roles: ['user'] });
  } finally {
    await app.close();
  }
}, 30_000);
`,
  );
  await run('npm', ['run', 'test:e2e'], folder, { REDIS_URL: 'redis://127.0.0.1:1' });
  console.log('passes a test');
}

async function visit() {
  const redis = await startPrivateRedis();
  try {
    while (!(await visitOn(await freePort(), redis.url)));
    console.log('signs in and out');
  } finally {
    await redis.stop();
  }
}

/** False where another program was quicker to take the port. */
async function visitOn(port, redisUrl) {
  const env = childEnvironment({ REDIS_URL: `${redisUrl}?commandTimeout=10000`, PORT: String(port) });
  const app = spawn('node', ['dist/main'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(app, 'exit');
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
  try {
    for (const end = performance.now() + 30_000; !output.includes('successfully started'); await sleep(100)) {
      if (output.includes('EADDRINUSE')) return false;
      assert.ok(app.exitCode === null && performance.now() < end, 'the application did not start');
    }
    await signInAndOut(`http://127.0.0.1:${port}`);
    return true;
  } catch (error) {
    throw new Error(`${error.message}\n${output}`, { cause: error });
  } finally {
    app.kill('SIGKILL');
    await ended;
  }
}

async function signInAndOut(url) {
  const ask = (method, route, { cookie, body } = {}) =>
    fetch(url + route, { method, body, headers: cookie === undefined ? {} : { cookie } });
  assert.equal((await ask('GET', '/me')).status, 401, 'nobody is signed in');
  const login = await ask('POST', '/login', { body: new URLSearchParams({ password: 'lovelace' }) });
  assert.equal(await login.text(), 'Hello, Ada');
  const [cookie] = login.headers.getSetCookie().map((one) => one.split(';')[0]);
  assert.deepEqual(await (await ask('GET', '/me', { cookie })).json(), { id: 'ada', roles: ['user'] });
  await ask('POST', '/logout', { cookie });
  assert.equal((await ask('GET', '/me', { cookie })).status, 401, 'signed out');
}
