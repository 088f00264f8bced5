import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.resolve(import.meta.dirname, '../../.cache/servers');
/** The Debian release whose servers these are. Its libraries come along, so an older machine runs them too. */
const RELEASE = 'trixie';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Servers besides the one that is installed: how they are called, the package, and how `--version` begins. */
const SERVERS = [
  { name: 'Redis 8', package: 'redis-server', version: /^Redis server v=8\./ },
  { name: 'Valkey 8', package: 'valkey-server', version: /^Valkey server v=8\./ },
].map((server) => ({ ...server, program: path.join(FOLDER, server.name.toLowerCase().replace(' ', '-')) }));

/** Their names, and the program that runs each once it was fetched. */
export const OTHER_SERVERS = SERVERS.map(({ name, program }) => ({ name, program }));

/**
 * Fetches the servers into `.cache/servers`, unless they are there: signed Debian packages, from where this machine's own come from. Installs
 * nothing and needs no root. Throws an error that says what is missing.
 */
export function fetchOtherServers() {
  if (SERVERS.every((server) => versionOf(server) !== undefined)) return;
  rmSync(FOLDER, { recursive: true, force: true });
  unpack(download(mirror()));
  for (const server of SERVERS) {
    writeLauncher(server);
    if (versionOf(server) === undefined) throw new Error(`${server.package} was fetched, and does not run: ${server.program} --version`);
  }
}

/** What `--version` prints, when the server is there and is the one that is wanted. */
export function versionOf({ program }) {
  const { version } = SERVERS.find((server) => server.program === program);
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return version.test(stdout) ? stdout.trim() : undefined;
}

/** The address from which this machine gets its own Debian packages. */
function mirror() {
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(readOr('/etc/os-release', ''))?.[1];
  const { error, stdout } = spawnSync(
    'apt-get',
    ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(REPO_URI)', 'Created-By: Packages'],
    {
      encoding: 'utf8',
    },
  );
  const lines = error === undefined ? stdout.split('\n').map((line) => line.split(' ')) : [];
  const [, , address] = lines.find(([release, component]) => release === codename && component === 'main') ?? [];
  if (address === undefined || !existsSync(KEYRING))
    throw new Error(
      'Redis 8 and Valkey 8 are fetched as Debian packages, and apt on this machine has no source of Debian. ' +
        'Test another server that you have with: TEST_REDIS_SERVER=/path/of/the/program npm run jest -- test/redis test/contract test/guarantees',
    );
  return address;
}

/** The packages and all that they need, as if nothing were installed. Lists, state and packages stay in the folder. Answers with the files. */
function download(address) {
  const inside = (...names) => path.join(FOLDER, 'apt', ...names);
  for (const folder of ['lists/partial', 'cache/archives/partial', 'none']) mkdirSync(inside(folder), { recursive: true });
  writeFileSync(inside('sources.list'), `deb [signed-by=${KEYRING}] ${address} ${RELEASE} main\n`);
  writeFileSync(inside('status'), '');
  const settings = {
    'Dir::Etc::sourcelist': inside('sources.list'),
    'Dir::Etc::sourceparts': inside('none'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': inside('none'),
    'Dir::State': inside(),
    'Dir::State::lists': inside('lists'),
    'Dir::State::status': inside('status'),
    'Dir::Cache': inside('cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    // of dpkg, whose place only root may lock, and which installs nothing here
    'Debug::NoLocking': 'true',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  run('apt-get', ['update', '--error-on=any', ...options]);
  const packages = SERVERS.map((server) => server.package);
  run('apt-get', ['install', ...packages, '--download-only', '--yes', '--no-install-recommends', ...options]);
  const archives = inside('cache/archives');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => path.join(archives, name));
}

function unpack(files) {
  for (const file of files) run('dpkg-deb', ['--extract', file, path.join(FOLDER, 'root')]);
  rmSync(path.join(FOLDER, 'apt'), { recursive: true });
}

/** A program that starts the server by the loader and with the libraries that came with it. */
function writeLauncher(server) {
  const libraries = readdirSync(path.join(FOLDER, 'root/usr/lib'))
    .filter((name) => name.endsWith('-linux-gnu'))
    .map((name) => path.join(FOLDER, 'root/usr/lib', name));
  const loader = libraries.flatMap((folder) => loadersIn(folder))[0];
  if (loader === undefined) throw new Error(`the packages of ${server.name} hold no loader`);
  const binary = path.join(FOLDER, 'root/usr/bin', server.package);
  const line = [loader, '--library-path', libraries.join(':'), '--argv0', server.package, binary].map(quoted).join(' ');
  writeFileSync(server.program, `#!/bin/sh\nexec ${line} "$@"\n`);
  chmodSync(server.program, 0o755);
}

function loadersIn(folder) {
  return readdirSync(folder)
    .filter((name) => /^ld-linux.*\.so\.\d+$/.test(name))
    .map((name) => path.join(folder, name));
}

function run(program, args) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  if (status !== 0) throw new Error(`${program} ${args[0]} failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`);
}

function quoted(word) {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return otherwise;
    throw error;
  }
}
