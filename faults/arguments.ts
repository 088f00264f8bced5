import { parseArgs } from 'node:util';
import type { SessionSettings } from '../src/http/request/session-options.js';
import { FAULTS, type Fault } from './faults.js';

/** What to do to Redis, and for how long. */
export interface Plan {
  readonly faults: readonly Fault[];
  readonly middleware: SessionSettings['middleware'];
  readonly seconds: number;
  readonly visitors: number;
  readonly seed: number;
  /** `min-replicas-to-write` of each node that has replicas under a sentinel. */
  readonly minReplicas: number;
  /** Where the results go as JSON; `undefined` for nowhere. */
  readonly json: string | undefined;
}

const DEFAULTS = { seconds: 20, visitors: 30, seed: 1, 'min-replicas': 0 };
const MIDDLEWARES = ['builtin', 'express-session'] as const;

const USAGE = `npm run faults -- [options]

Two processes of an application, a load of sign-ins, changes, increments, rotations, sign-outs and revocations, a fault again and again, and
then the account: what was acknowledged and is not there. Ends with 1 when a promise of docs/reliability.md is broken.

  --fault <names>       ${FAULTS.map(({ name }) => name).join(', ')}, or all (all)
  --middleware <name>   ${MIDDLEWARES.join(' or ')} (builtin)
  --seconds <n>         for how long each fault is tried (${DEFAULTS.seconds})
  --visitors <n>        how many users do something at the same time (${DEFAULTS.visitors})
  --seed <n>            of what they do, and of when faults happen (${DEFAULTS.seed})
  --min-replicas <n>    min-replicas-to-write, for the faults of Sentinel (${DEFAULTS['min-replicas']})
  --json <file>         also write the results there`;

export function readArguments(args: readonly string[]): Plan {
  const text = { type: 'string' } as const;
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        fault: text,
        middleware: text,
        seconds: text,
        visitors: text,
        seed: text,
        'min-replicas': text,
        json: text,
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    return stop(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`, 1);
  }
  if (values.help === true) return stop(USAGE, 0);
  const number = (name: keyof typeof DEFAULTS, least: number) => {
    const value = Number(values[name] ?? DEFAULTS[name]);
    return value >= least ? value : stop(`--${name} must be a number from ${least} on, received "${values[name]}".\n\n${USAGE}`, 1);
  };
  const names = values.fault === undefined || values.fault === 'all' ? FAULTS.map(({ name }) => name) : values.fault.split(',');
  const middleware = MIDDLEWARES.find((name) => name === (values.middleware ?? 'builtin'));
  if (middleware === undefined) return stop(`--middleware: there is no "${values.middleware}".\n\n${USAGE}`, 1);
  return {
    faults: names.map((name) => FAULTS.find((fault) => fault.name === name) ?? stop(`--fault: there is no "${name}".\n\n${USAGE}`, 1)),
    middleware,
    seconds: number('seconds', 1),
    visitors: number('visitors', 1),
    seed: number('seed', 0),
    minReplicas: number('min-replicas', 0),
    json: values.json,
  };
}

function stop(message: string, exitCode: number): never {
  console.log(message);
  process.exit(exitCode);
}
