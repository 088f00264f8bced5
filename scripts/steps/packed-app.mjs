// Installs the packed tarball beside an application of test/package in an empty folder, as a user would, and uses it: its types compile, its
// own tests pass where it has some, it starts, keeps a session in Redis over HTTP, serves its clients where it has some, answers 503 without
// Redis, and ends by itself.
//
//   node scripts/steps/packed-app.mjs test/package/esm-nest12 .cache/package.tgz
//   node scripts/steps/packed-app.mjs test/package/esm-nest12 .cache/package.tgz 22 24    its tests and itself on these versions of Node
//
// The application says in its package.json, under "packed", what is particular to it: `sources` and `tests`, whose src/ and test/ it has, besides its
// own; `removes`, what is gone before it starts; `otherVersion`, the folder in which the same package is installed under another version; `visits`,
// each a program to start (`main`) and the tests that are its clients (`clients`), which find it at APP_URL, and its Redis at REDIS_URL.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Redis } from 'ioredis';

import { childEnvironment, runProgram } from '../child-process.mjs';
import { startPrivateRedis } from '../demo/private-redis.mjs';
import { installNode } from '../install/node-program.mjs';

const [fixtureFolder, tarballFile, ...nodeVersions] = process.argv.slice(2);
const [fixture, tarball] = [fixtureFolder, tarballFile].map((argument) => path.resolve(argument));
const folder = await mkdtemp(path.join(tmpdir(), `${path.basename(fixture)}-`));

try {
  await cp(fixture, folder, { recursive: true });
  const { scripts, packageManager = 'npm', main = 'dist/main.js', packed = {} } = await readJson(path.join(folder, 'package.json'));
  for (const sources of [packed.sources ?? []].flat())
    await cp(path.join(fixture, '..', sources, 'src'), path.join(folder, 'src'), { recursive: true });
  if (packed.tests !== undefined) await cp(path.join(fixture, '..', packed.tests, 'test'), path.join(folder, 'test'), { recursive: true });
  await install(packageManager);
  if (packed.otherVersion !== undefined) await installOtherVersion(path.join(folder, packed.otherVersion));
  console.log('installs');
  await run('npm', ['run', 'build']);
  console.log('compiles');
  for (const name of packed.removes ?? []) await rm(path.join(folder, name), { recursive: true });
  const programs = nodeVersions.length === 0 ? [process.execPath] : await Promise.all(nodeVersions.map(installNode));
  for (const node of programs) {
    if (nodeVersions.length > 0) console.log(`on Node ${await versionOf(node)}`);
    if (scripts.test !== undefined) await test(node, scripts.test);
    for (const visited of packed.visits ?? [{ main }]) await visit(node, visited);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function install(packageManager) {
  if (packageManager === 'npm') return run('npm', ['install', tarball, '--prefer-offline', '--no-audit', '--no-fund']);
  return run('npx', ['--yes', '--prefer-offline', packageManager, 'add', tarball, '--prefer-offline']);
}

/** Its peers are those of the application: npm does not look for them, and Node finds them in the folders above. */
async function installOtherVersion(place) {
  await run('tar', ['-xzf', tarball, '-C', place]);
  const manifest = path.join(place, 'package/package.json');
  await writeFile(manifest, JSON.stringify({ ...(await readJson(manifest)), version: '0.0.1' }));
  await run('npm', ['pack', './package'], place);
  await rm(path.join(place, 'package'), { recursive: true });
  const packedAgain = './nestjs-redis-session-0.0.1.tgz';
  await run('npm', ['install', packedAgain, '--legacy-peer-deps', '--prefer-offline', '--no-audit', '--no-fund'], place);
}

/** As `npm test` runs them, with that Node. */
async function test(node, command) {
  const places = [path.dirname(node), path.join(folder, 'node_modules/.bin'), process.env.PATH];
  provesTests(await run('sh', ['-c', command], folder, { PATH: places.join(path.delimiter) }));
  console.log('passes its own tests');
}

/** Of jest, of Vitest, or of Node's own runner. */
function provesTests(output) {
  assert.match(output, /^(?:Tests: +[1-9]\d* passed| *Tests +[1-9]\d* passed|# pass [1-9])/m, output);
}

async function run(program, args, cwd = folder, variables = {}) {
  // Its own tests have no Redis, least of all that of whoever runs this.
  const env = childEnvironment({ REDIS_URL: undefined, ...variables });
  const { code, output } = await runProgram(program, args, { cwd, env, timeout: 900_000 });
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${output}`);
  return output;
}

async function versionOf(node) {
  return (await run(node, ['-p', 'process.versions.node'])).trim();
}

async function readJson(file) {
  return JSON.parse(await readFile(file, 'utf8'));
}

async function visit(node, { main, clients = [] }) {
  const redis = await startPrivateRedis();
  const client = new Redis(redis.url);
  const env = childEnvironment({
    SESSION_SECRET: 'only for this visit, thirty-two bytes or more',
    // On a machine that is busy with other things.
    REDIS_URL: `${redis.url}?commandTimeout=10000`,
  });
  const app = spawn(node, [main], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(app, 'exit');
  let output = '';
  for (const stream of [app.stdout, app.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));

  try {
    const url = await Promise.race([listening(app), ended.then(() => undefined)]);
    assert.ok(url, 'the application ended instead of listening');
    console.log('starts');
    await keepsASession(url, client);
    console.log('keeps a session in Redis');
    if (clients.length > 0) await servesClients(node, clients, url, redis.url);
    client.disconnect();
    await survivesAnOutage(url, redis);
    console.log('answers 503 without Redis');
    app.kill('SIGTERM');
    const [code, signal] = await within(20_000, ended, 'the application did not end after SIGTERM');
    assert.ok(code === 0 || signal === 'SIGTERM', `ended with ${code ?? signal}`);
    console.log('ends by itself');
  } catch (error) {
    throw new Error(`${error.message}\n${output}`, { cause: error });
  } finally {
    app.kill('SIGKILL');
    client.disconnect();
    await redis.stop();
  }
}

async function listening(app) {
  return within(
    20_000,
    new Promise((resolve) => {
      let said = '';
      app.stdout.on('data', (chunk) => {
        said += chunk;
        const [, url] = said.match(/listening on (\S+)\n/) ?? [];
        if (url !== undefined) resolve(url);
      });
    }),
    'the application did not say where it listens',
  );
}

async function keepsASession(url, redis) {
  const request = requestTo(url);
  const visitor = await request('GET', '/visitor');
  assert.deepEqual(
    [visitor.status, visitor.body, visitor.setCookie],
    [200, { isNew: true }, undefined],
    'a visitor who writes nothing gets no cookie',
  );
  assert.equal((await request('GET', '/me')).status, 401, 'the guard refuses a visitor');

  const cart = await request('POST', '/cart', undefined, { sku: 'apple' });
  assert.match(cart.setCookie ?? 'no cookie', /^sid=s%3A[\w-]{54}\.[^;]+;.*HttpOnly/, 'the first write sets a signed cookie');

  const login = await request('POST', '/login', cart.cookie, { id: 'ada' });
  assert.ok(login.cookie !== undefined && login.cookie !== cart.cookie, 'login gives a new cookie');
  const [key] = (await redis.keys('sess:*')).filter((name) => login.cookie.includes(name.slice('sess:'.length)));
  assert.equal(key && (await redis.hget(key, 'identity')), '{"id":"ada"}', 'the session is a hash in Redis');
  assert.deepEqual((await request('GET', '/me', login.cookie)).body, { id: 'ada', cart: ['apple'] }, 'identity and kept cart come back');
  assert.equal((await request('GET', '/me', cart.cookie)).status, 401, 'the cookie from before login is dead');
  await request('POST', '/cart', login.cookie, { sku: 'pear' });
  assert.deepEqual((await request('GET', '/me', login.cookie)).body, { id: 'ada', cart: ['apple', 'pear'] }, 'a change is stored');
  assert.equal((await request('GET', '/me', `${login.cookie}x`)).status, 401, 'a cookie with another signature is refused');

  const logout = await request('POST', '/logout', login.cookie);
  assert.equal(logout.status, 204);
  assert.match(logout.setCookie ?? 'no cookie', /^sid=;.*(Expires=Thu, 01 Jan 1970|Max-Age=0)/, 'logout clears the cookie');
  assert.equal((await request('GET', '/me', login.cookie)).status, 401, 'the session has ended');
}

async function servesClients(node, clients, url, redisUrl) {
  provesTests(await run(node, ['--test', '--test-reporter=tap', ...clients], folder, { APP_URL: url, REDIS_URL: redisUrl }));
  console.log(`serves ${clients.join(', ')}`);
}

/** An outage is no sign-out: 503, and the cookie stays. A visitor without a session needs no Redis. */
async function survivesAnOutage(url, redis) {
  const request = requestTo(url);
  const login = await request('POST', '/login', undefined, { id: 'grace' });
  await redis.stop();
  const refused = await request('GET', '/me', login.cookie);
  assert.deepEqual([refused.status, refused.setCookie], [503, undefined], 'without Redis it is unknown who is signed in');
  assert.match(refused.retryAfter ?? 'none', /^[1-9]\d*$/, 'the answer says when to try again');
  assert.equal((await request('GET', '/me')).status, 401, 'the guard refuses a visitor as before');
}

function requestTo(url) {
  return async (method, route, cookie, body) => {
    const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(cookie === undefined ? {} : { cookie }) };
    const response = await fetch(url + route, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
    const [setCookie] = response.headers.getSetCookie();
    return {
      status: response.status,
      setCookie,
      cookie: setCookie?.split(';')[0],
      retryAfter: response.headers.get('retry-after'),
      body: await response.json().catch(() => undefined),
    };
  };
}

async function within(ms, promise, message) {
  let clock;
  const late = new Promise((_resolve, reject) => {
    clock = setTimeout(() => reject(new Error(message)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(clock));
}
