import { isDeepStrictEqual } from 'node:util';
import type { Config, Operation } from './contestants.js';
import type { Observation, Program, Step } from './programs.js';

/** What is to be explained. */
interface Case {
  readonly step: Step;
  readonly config: Config;
  readonly stock: Observation;
  readonly ours: Observation;
}

/** A difference on purpose: a heading in `docs/differences-from-express-session.md`. */
export interface Difference {
  readonly name: string;
  /** Which of ours show it. */
  readonly shownBy: RegExp;
  /** Whether it is what makes the two observations differ. */
  explains(deviation: Case): boolean;
  /** A program that shows it. */
  readonly example: Program;
}

const MINUTE = 60_000;
const CONFIG: Config = { rolling: false, resave: false, saveUninitialized: false, unset: 'keep', maxAge: MINUTE };
const OURS = /./;
const OVER_OUR_STORES = /SessionStore$/;

const ask = (operation: Operation): Step => ({ kind: 'ask', client: 'ada', operation, cookie: 'own' });
const inParallel = (first: Operation, second: Operation): Step => ({ kind: 'parallel', client: 'ada', first, second });
const write = (name: string, value: number): Operation => ({ do: 'write', name, value });

const isAsked = (what: Operation['do'], { step }: Case) => step.kind === 'ask' && step.operation.do === what;
const withoutNews = ({ answers, ...rest }: Observation) => ({ ...rest, answers: answers.map(({ news: _news, ...answer }) => answer) });
const answersOf = ({ answers }: Observation) => answers.map(({ status, body }) => ({ status, body }));

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'A session takes its cookie with it',
    shownBy: OURS,
    explains: ({ stock, ours }) =>
      ours.answers.some(({ news }, index) => news === 'cleared' && stock.answers[index]?.news === 'nothing') &&
      isDeepStrictEqual({ ...withoutNews(stock), entries: undefined }, { ...withoutNews(ours), entries: undefined }),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'destroy' })] },
  },
  {
    name: 'Regenerating stores nothing by itself',
    shownBy: /^builtin/,
    explains: ({ step, stock, ours }) =>
      step.kind === 'ask' &&
      step.operation.do === 'regenerate' &&
      step.operation.name === undefined &&
      isDeepStrictEqual(answersOf(stock), answersOf(ours)) &&
      ours.sessions === stock.sessions - 1,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'regenerate' })] },
  },
  {
    name: 'Ended stays ended',
    shownBy: OVER_OUR_STORES,
    explains: ({ step, config, stock, ours }) =>
      step.kind === 'parallel' &&
      ends(step.first, config) &&
      isDeepStrictEqual(answersOf(stock), answersOf(ours)) &&
      ours.entriesBefore === undefined,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel({ do: 'destroy' }, write('note', 2))] },
  },
  {
    name: 'No lost updates',
    shownBy: OVER_OUR_STORES,
    explains: ({ step, stock, ours }) =>
      step.kind === 'parallel' &&
      isDeepStrictEqual(answersOf(stock), answersOf(ours)) &&
      isDeepStrictEqual(ours.entries, merged(step, ours)),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel(write('note', 2), write('n', 3))] },
  },
  {
    name: 'resave writes nothing that has not changed',
    shownBy: /MemoryStore$/,
    explains: ({ step, config, stock, ours }) =>
      step.kind === 'parallel' && config.resave === true && !writes(step.second) && isDeepStrictEqual(answersOf(stock), answersOf(ours)),
    example: { config: { ...CONFIG, resave: true }, steps: [ask(write('cart', 1)), inParallel({ do: 'destroy' }, { do: 'read' })] },
  },
  {
    name: 'Several cookies of the name',
    shownBy: /^builtin/,
    explains: ({ step, ours }) => step.kind === 'ask' && step.cookie === 'after a dead one' && answersOf(ours)[0]?.status === 200,
    example: {
      config: CONFIG,
      steps: [ask(write('cart', 1)), { kind: 'ask', client: 'ada', operation: { do: 'read' }, cookie: 'after a dead one' }],
    },
  },
  {
    name: 'Names that entries cannot have',
    shownBy: OURS,
    explains: (deviation) => isAsked('writeMember', deviation) && answersOf(deviation.ours)[0]?.status === 500,
    example: { config: CONFIG, steps: [ask({ do: 'writeMember' })] },
  },
  {
    name: 'A session that was destroyed refuses',
    shownBy: OURS,
    explains: (deviation) => isAsked('writeDestroyed', deviation) && answersOf(deviation.ours)[0]?.status === 500,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'writeDestroyed' })] },
  },
  {
    name: 'The same data is no change',
    shownBy: OURS,
    explains: ({ step, stock, ours }) =>
      step.kind === 'ask' && step.operation.do === 'reorder' && isDeepStrictEqual(withoutNews(stock), withoutNews(ours)),
    example: {
      config: CONFIG,
      steps: [
        ask({ do: 'nest', name: 'cart', value: 1 }),
        ask({ do: 'nest', name: 'cart', value: 2 }),
        ask({ do: 'reorder', name: 'cart', value: 0 }),
      ],
    },
  },
];

function writes({ do: what }: Operation): boolean {
  return !['nothing', 'read', 'touch', 'maxAge', 'twice', 'reorder', 'remove', 'reload'].includes(what);
}

function ends({ do: what }: Operation, { unset }: Config): boolean {
  return what === 'destroy' || what === 'regenerate' || what === 'logInAsPassport' || (what === 'unset' && unset === 'destroy');
}

/** What two requests leave when each changes its own entry. */
function merged({ first, second }: Extract<Step, { kind: 'parallel' }>, { answers, entriesBefore }: Observation): unknown {
  const result: Record<string, unknown> = { ...entriesBefore };
  for (const [index, operation] of [first, second].entries()) {
    const { entries = {} } = (answers[index]?.body ?? {}) as { entries?: Record<string, unknown> };
    if ('name' in operation && operation.name !== undefined) result[operation.name] = entries[operation.name];
  }
  return JSON.parse(JSON.stringify(result));
}
