import { isDeepStrictEqual } from 'node:util';
import type { Config, Operation } from './implementations.js';
import type { Observation, Scenario, Step } from './scenarios.js';

/** What is to be explained. */
interface Case {
  readonly step: Step;
  readonly config: Config;
  readonly stock: Observation;
  readonly ours: Observation;
}

/** A difference on purpose: a heading in `docs/coming-from-express-session.md`. */
export interface Difference {
  readonly name: string;
  /** Which of ours show it. */
  readonly shownBy: RegExp;
  /** Whether it is what makes the two observations differ. */
  explains(deviation: Case): boolean;
  /** A scenario that shows it. */
  readonly example: Scenario;
}

const HOUR = 3_600_000;
const CONFIG: Config = { rolling: false, resave: false, saveUninitialized: false, unset: 'keep', maxAge: HOUR };
const OURS = /./;
const OVER_OUR_STORES = /SessionStore$/;

const ask = (operation: Operation): Step => ({ kind: 'ask', client: 'ada', operation, cookie: 'own' });
const inParallel = (first: Operation, second: Operation): Step => ({ kind: 'parallel', client: 'ada', first, second });
const write = (name: string, value: number): Operation => ({ do: 'write', name, value });

const isAsked = (what: Operation['do'], { step }: Case) => step.kind === 'ask' && step.operation.do === what;
/** What is stored, but for what the cookie that the client now has stands for. */
const storedBy = ({ answers: _answers, now: _now, ...stored }: Observation) => stored;
const withoutMaxAge = ({ before, after, now, answers, ...rest }: Observation, isTold: boolean) => ({
  ...rest,
  answers: isTold ? answers.map(({ status, body }) => ({ status, body })) : answers,
  entries: [before, after, now].map((one) => one?.entries),
});
const answersOf = ({ answers }: Observation) => answers.map(({ status, body }) => ({ status, body }));
const isSameAnswer = ({ stock, ours }: Case) => isDeepStrictEqual(answersOf(stock), answersOf(ours));
const isSameButForCookie = (one: Case) => isSameAnswer(one) && isDeepStrictEqual(storedBy(one.stock), storedBy(one.ours));

export const DIFFERENCES: readonly Difference[] = [
  {
    name: 'A session takes its cookie with it',
    shownBy: OURS,
    explains: (one) =>
      one.ours.answers.some(
        ({ cookieAction }, index) => cookieAction === 'cleared' && one.stock.answers[index]?.cookieAction === 'nothing',
      ) && isSameButForCookie(one),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'destroy' })] },
  },
  {
    name: 'Regenerating stores nothing by itself',
    shownBy: /^builtin/,
    explains: (one) => isAsked('regenerate', one) && isSameAnswer(one) && one.ours.sessions === one.stock.sessions - 1,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'regenerate' })] },
  },
  {
    name: 'Touches are rare',
    shownBy: OVER_OUR_STORES,
    explains: ({ step, stock, ours }) =>
      step.kind === 'parallel' && isDeepStrictEqual(withoutMaxAge(stock, setsAge(step)), withoutMaxAge(ours, setsAge(step))),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel({ do: 'maxAge', value: 2 * HOUR }, { do: 'read' })] },
  },
  {
    name: 'A changed cookie is sent at once',
    shownBy: OURS,
    explains: (one) =>
      setsAge(one.step) && one.ours.answers.some(({ cookieAction }) => typeof cookieAction === 'object') && isSameButForCookie(one),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'maxAge', value: 2 * HOUR })] },
  },
  {
    name: 'A reload is no change',
    shownBy: OURS,
    explains: (one) => one.step.kind === 'parallel' && one.step.second.do === 'reload' && isSameButForCookie(one),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel(write('note', 2), { do: 'reload', name: 'n', value: 3 })] },
  },
  {
    name: 'Ended stays ended',
    shownBy: OVER_OUR_STORES,
    explains: (one) =>
      one.step.kind === 'parallel' && ends(one.step.first, one.config) && isSameAnswer(one) && one.ours.after === undefined,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel({ do: 'destroy' }, write('note', 2))] },
  },
  {
    name: 'No lost updates',
    shownBy: OVER_OUR_STORES,
    explains: (one) =>
      one.step.kind === 'parallel' && isSameAnswer(one) && isDeepStrictEqual(one.ours.after?.entries, merged(one.step, one.ours)),
    example: { config: CONFIG, steps: [ask(write('cart', 1)), inParallel(write('note', 2), write('n', 3))] },
  },
  {
    name: 'Unchanged data is not written',
    shownBy: /MemoryStore$/,
    explains: (one) =>
      one.step.kind === 'parallel' &&
      (one.config.resave === true || one.step.second.do === 'save') &&
      isSameAnswer(one) &&
      isDeepStrictEqual(effect(one.step.second, one.ours, 1), one.ours.before?.entries),
    example: { config: { ...CONFIG, resave: true }, steps: [ask(write('cart', 1)), inParallel({ do: 'destroy' }, { do: 'read' })] },
  },
  {
    name: 'Several cookies of one name',
    shownBy: OURS,
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
    name: 'A destroyed session refuses changes',
    shownBy: OURS,
    explains: (deviation) => isAsked('writeDestroyed', deviation) && answersOf(deviation.ours)[0]?.status === 500,
    example: { config: CONFIG, steps: [ask(write('cart', 1)), ask({ do: 'writeDestroyed' })] },
  },
  {
    name: 'The same data is no change',
    shownBy: OURS,
    explains: (one) => isAsked('reorder', one) && isSameButForCookie(one),
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

function setsAge(step: Step): boolean {
  if (step.kind === 'expire') return false;
  return (step.kind === 'ask' ? [step.operation] : [step.first, step.second]).some(({ do: what }) => what === 'maxAge');
}

function ends({ do: what }: Operation, { unset }: Config): boolean {
  return what === 'destroy' || what === 'regenerate' || what === 'logInAsPassport' || (what === 'unset' && unset === 'destroy');
}

/** What two requests leave of a session that both have loaded, when each counts with what it has changed. */
function merged({ first, second }: Extract<Step, { kind: 'parallel' }>, observed: Observation): unknown {
  const before = observed.before?.entries ?? {};
  const result = { ...before };
  for (const [index, operation] of [first, second].entries()) {
    const own = effect(operation, observed, index);
    for (const name of new Set([...Object.keys(before), ...Object.keys(own)])) {
      if (isDeepStrictEqual(own[name], before[name])) continue;
      if (name in own) result[name] = own[name];
      else delete result[name];
    }
  }
  return result;
}

/** The entries as one of two requests has left them for itself. */
function effect(operation: Operation, { before, answers }: Observation, index: number): Record<string, unknown> {
  const entries = before?.entries ?? {};
  if (operation.do === 'nothing' || operation.do === 'unset') return entries;
  if (operation.do === 'fail') return { ...entries, failed: true };
  if (operation.do === 'stream') return { ...entries, [operation.name]: operation.value };
  return (answers[index]?.body as { entries?: Record<string, unknown> } | undefined)?.entries ?? entries;
}
