import { parseArgs } from 'node:util';
import type { SessionSettings } from '../src/http/request/session-options.js';
import { JOURNEY } from './migration/move.js';
import { RELEASES, type Release } from './migration/release.js';
import { FAULTS, type Fault } from './faults.js';

/** What to do to Redis, and for how long. */
export interface Plan {
  readonly faults: readonly Fault[];
  /** Under which faults an application moves from connect-redis to this package. Empty if it is not to move at all. */
  readonly moves: readonly Fault[];
  /** The releases that it goes through. */
  readonly journey: readonly Release[];
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

const MIGRATION = 'migration';

const USAGE = `npm run faults -- [options]

Two processes of an application, a load of sign-ins, changes, increments, rotations, sign-outs and revocations, a fault again and again, and
then the account: what was acknowledged and is not there. Ends with 1 when a promise of docs/reliability.md is broken.

The fault "${MIGRATION}" is a move: rolling deploys from express-session + connect-redis to this package and on, as in
docs/coming-from-connect-redis.md, with a way back in between, and sign-ins, sign-outs, revocations and 20 requests at once all the time.

  --fault <names>       ${FAULTS.map(({ name }) => name).join(', ')}, ${MIGRATION}, or all (all)
  --during <names>      faults of Redis that happen during the move, each in a move of its own: those above (none)
  --journey <releases>  what the move deploys, one after the other (${JOURNEY.join(',')})
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
        during: text,
        journey: text,
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
  const faultNamed = (name: string) => FAULTS.find((fault) => fault.name === name) ?? stop(`There is no fault "${name}".\n\n${USAGE}`, 1);
  const releaseNamed = (name: string) => RELEASES.find((one) => one === name) ?? stop(`There is no release "${name}".\n\n${USAGE}`, 1);
  const all = [...FAULTS.map(({ name }) => name), MIGRATION];
  const names = values.fault === undefined || values.fault === 'all' ? all : values.fault.split(',');
  const during = (values.during ?? 'none').split(',').map(faultNamed);
  const middleware = MIDDLEWARES.find((name) => name === (values.middleware ?? 'builtin'));
  if (middleware === undefined) return stop(`--middleware: there is no "${values.middleware}".\n\n${USAGE}`, 1);
  return {
    faults: names.filter((name) => name !== MIGRATION).map(faultNamed),
    journey: values.journey?.split(',').map(releaseNamed) ?? JOURNEY,
    moves: names.includes(MIGRATION) ? during : [],
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
