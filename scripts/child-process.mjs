import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** In ms. What a machine that is busy with other things needs to end a process, or to read what it has printed. */
const PATIENCE = 30_000;

const groups = new Set();

/**
 * Runs a program to its end and collects what it prints. It gets a process group of its own: when the time is up, or when this process is
 * interrupted, all of the group ends, so that nothing that a test started outlives the run. The answer says with `survivors` whether the
 * program left processes behind when it ended by itself.
 */
export function runProgram(program, args, { cwd, env = childEnvironment(), timeout }) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    groups.add(child.pid);

    let output = '';
    let timedOut = false;
    let finished = false;
    child.stdout?.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    child.stderr?.setEncoding('utf8').on('data', (chunk) => (output += chunk));

    const clock = setTimeout(() => {
      timedOut = true;
      output += `\nstill running after ${timeout / 1000} s, ended\n`;
      signalGroup(child.pid, 'SIGTERM');
      setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 2000).unref();
    }, timeout);

    const finish = async (code) => {
      if (finished) return;
      finished = true;
      clearTimeout(clock);
      const survivors = !timedOut && !(await isGone(child.pid));
      signalGroup(child.pid, 'SIGKILL');
      groups.delete(child.pid);
      resolve({ code, output, timedOut, survivors });
    };
    child.on('error', (error) => {
      output += `${program}: ${error.message}\n`;
      void finish(-1);
    });
    // 'close' waits for the pipes, which a survivor may hold open for ever
    child.on('exit', (code) => {
      const drained = setTimeout(() => void finish(code ?? -1), PATIENCE);
      child.on('close', () => {
        clearTimeout(drained);
        void finish(code ?? -1);
      });
    });
  });
}

/** The environment of a program that is not part of this npm run: npm's own variables would redirect a nested npm to this package. */
export function childEnvironment(extra = {}) {
  const own = /^npm_(package|lifecycle|command|execpath|node_execpath|config_(local_prefix|workspaces?|prefix|omit))/i;
  const inherited = Object.entries(process.env).filter(([name]) => !own.test(name));
  return { ...Object.fromEntries(inherited), FORCE_COLOR: '0', NO_COLOR: '1', ...extra };
}

/** Whether no process of the group is left. Those that end because their parent did get a moment for it. */
async function isGone(pid) {
  const giveUpAt = performance.now() + PATIENCE;
  while (signalGroup(pid, 0)) {
    if (performance.now() > giveUpAt) return false;
    await sleep(100);
  }
  return true;
}

/** Sends a signal to every process of the group. False when there is none. */
function signalGroup(pid, signal) {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const pid of groups) signalGroup(pid, 'SIGTERM');
    process.kill(process.pid, signal);
  });
}
