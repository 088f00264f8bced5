import { spawnSync } from 'node:child_process';

/** How each package manager installs redis-server. Sentinel is the same program (`redis-server --sentinel`). */
const MANAGERS = [
  { program: 'apt-get', install: ['install', '-y', '--no-install-recommends', 'redis-server'], refresh: ['update'], asRoot: true },
  { program: 'apk', install: ['add', 'redis'], refresh: ['update'], asRoot: true },
  { program: 'dnf', install: ['install', '-y', 'redis'], asRoot: true },
  { program: 'brew', install: ['install', 'redis'], asRoot: false },
];

/** Is there a redis-server to start? */
function hasRedisServer() {
  return succeeds('redis-server', ['--version']);
}

/** Installs redis-server where it is missing and this user may. Otherwise says in one line what to type, and ends with an error. */
export function installRedisServer() {
  if (hasRedisServer()) return;
  const manager = MANAGERS.find(({ program }) => succeeds(program, ['--version']));
  if (manager === undefined)
    stop('redis-server is missing and there is no apt-get, apk, dnf or brew here. Install Redis 6.2 or later and try again.');

  const toType = [manager.program, ...manager.install].join(' ');
  const prefix = manager.asRoot ? rootPrefix() : [];
  if (prefix === undefined) stop(`redis-server is missing. Type: sudo ${toType}`);

  console.log(`Installing redis-server (${[...prefix, toType].join(' ')})`);
  const run = (args) => runs(prefix, manager.program, args);
  const installed = run(manager.install) || (manager.refresh !== undefined && run(manager.refresh) && run(manager.install));
  if (!installed || !hasRedisServer()) stop(`redis-server could not be installed. Type: ${manager.asRoot ? 'sudo ' : ''}${toType}`);
}

/** What stands before a command that only root may run: nothing, sudo, or undefined where neither will do. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}

function runs(prefix, program, args) {
  const [first, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', program, ...args];
  return spawnSync(first, rest, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0;
}

function succeeds(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function stop(line) {
  console.error(line);
  process.exit(1);
}
