import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { generateSid } from '../../src/session/sid.js';
import type { Config, Implementation, Operation, Stored } from './implementations.js';
import { DIFFERENCES } from './differences.js';
import { sidOf, signedCookie } from './signed-cookie.js';

const CLIENTS = ['ada', 'grace'] as const;
const COOKIES = ['own', 'none', 'forged', 'cut', 'unsigned', 'unknown', 'quoted', 'after another'] as const;
const AFTER_A_DEAD_ONE = 'after a dead one';
const HOUR = 3_600_000;

type Client = (typeof CLIENTS)[number];
type CookieForm = (typeof COOKIES)[number] | typeof AFTER_A_DEAD_ONE;

/** One thing that happens to an application. */
export type Step =
  | { kind: 'ask'; client: Client; operation: Operation; cookie: CookieForm }
  | { kind: 'parallel'; client: Client; first: Operation; second: Operation }
  | { kind: 'expire'; client: Client };

/** What an application is and what happens to it. */
export interface Scenario {
  readonly config: Config;
  readonly steps: readonly Step[];
}

/** What an answer says of the cookie. */
type CookieAction = 'nothing' | 'cleared' | { sid: 'same' | 'new'; attributes: string; /** In hours. */ expiresIn: number | 'never' };

interface Outcome {
  readonly status: number;
  readonly body: unknown;
  readonly cookieAction: CookieAction;
}

/** What a step showed. */
export interface Observation {
  readonly answers: readonly Outcome[];
  /** What the store held for the client's cookie before the step. */
  readonly before: Stored | undefined;
  /** What it then holds for the same cookie. */
  readonly after: Stored | undefined;
  /** And for the cookie that the client has now. */
  readonly now: Stored | undefined;
  readonly sessions: number;
}

/** Where a implementation did otherwise than stock express-session. */
export interface Deviation {
  readonly implementation: string;
  readonly step: Step;
  readonly config: Config;
  /** Its name in the list; `undefined` when it is not there. */
  readonly difference: string | undefined;
  readonly stock: Observation;
  readonly ours: Observation;
}

const name = fc.constantFrom('cart', 'note', 'n');
const value = fc.integer({ min: 0, max: 3 });
const common = [
  fc.record({ do: fc.constantFrom('nothing', 'read', 'destroy', 'unset', 'logInAsPassport', 'fail', 'touch') }),
  fc.record({
    do: fc.constantFrom('write', 'nest', 'remove', 'reorder', 'save', 'reload', 'stream', 'twice', 'endWithBrowser', 'regenerate'),
    name,
    value,
  }),
  fc.record({ do: fc.constant('maxAge' as const), value: fc.constantFrom(2 * HOUR, 3 * HOUR) }),
] as fc.Arbitrary<Operation>[];
const operation = fc.oneof(...common, fc.record({ do: fc.constant('regenerate' as const) }));
const oneOfTwo = fc.oneof(...common);
const client = fc.constantFrom(...CLIENTS);
const cookie = fc.oneof({ weight: 4, arbitrary: fc.constant<CookieForm>('own') }, { weight: 1, arbitrary: fc.constantFrom(...COOKIES) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('ask' as const), client, operation, cookie }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('parallel' as const), client, first: oneOfTwo, second: oneOfTwo }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), client }) },
);
const config: fc.Arbitrary<Config> = fc.record({
  rolling: fc.boolean(),
  resave: fc.boolean(),
  saveUninitialized: fc.boolean(),
  unset: fc.constantFrom('keep', 'destroy'),
  maxAge: fc.constantFrom(null, HOUR),
});

/** Random scenarios. */
export const scenarios: fc.Arbitrary<Scenario> = fc.record({ config, steps: fc.array(step, { minLength: 2, maxLength: 12 }) });

/** Lets all play the same scenario, and tells where ours deviate from stock. After a deviation, that client begins anew. */
export async function play(scenario: Scenario, stock: Implementation, ours: readonly Implementation[]): Promise<Deviation[]> {
  const all = [stock, ...ours];
  await Promise.all(all.map((implementation) => implementation.clear()));
  const players = all.map((implementation) => new Player(implementation, scenario.config));
  const deviations: Deviation[] = [];
  for (const one of scenario.steps) {
    const [expected, ...observations] = await Promise.all(players.map((player) => player.take(one)));
    if (expected === undefined) throw new Error('Nobody plays.');
    const found = observations.map((observed, index) => compare(ours[index]?.name ?? '', one, scenario.config, expected, observed));
    const deviating = found.filter((deviation) => deviation !== undefined);
    deviations.push(...deviating);
    if (deviating.length > 0) await Promise.all(players.map((player) => player.forget(one.client)));
  }
  return deviations;
}

function compare(implementation: string, one: Step, settings: Config, stock: Observation, ours: Observation): Deviation | undefined {
  if (isDeepStrictEqual(stock, ours)) return undefined;
  const difference = DIFFERENCES.find(
    ({ explains, shownBy }) => shownBy.test(implementation) && explains({ step: one, config: settings, stock, ours }),
  );
  return { implementation, step: one, config: settings, difference: difference?.name, stock, ours };
}

/** The clients of one implementation, with a cookie each. */
class Player {
  readonly #cookies = new Map<Client, string>();
  readonly #sids = new Map<Client, Set<string>>();

  constructor(
    private readonly implementation: Implementation,
    private readonly settings: Config,
  ) {}

  async take(one: Step): Promise<Observation> {
    const old = this.#sid(one.client);
    const before = await this.#stored(old);
    const answers = await this.#answers(one);
    const now = await this.#stored(this.#sid(one.client));
    return { answers, before, after: await this.#stored(old), now, sessions: await this.implementation.count() };
  }

  async #stored(sid: string | undefined): Promise<Stored | undefined> {
    const stored = sid === undefined ? undefined : await this.implementation.stored(sid);
    return stored && { entries: plain(stored.entries), maxAge: stored.maxAge === undefined ? this.settings.maxAge : stored.maxAge };
  }

  /** Drops the client's cookie and all its sessions. */
  async forget(who: Client): Promise<void> {
    for (const sid of this.#sids.get(who) ?? []) await this.implementation.end(sid);
    this.#sids.delete(who);
    this.#cookies.delete(who);
  }

  async #answers(one: Step): Promise<Outcome[]> {
    switch (one.kind) {
      case 'ask':
        return [await this.#ask(one.client, one.operation, this.#header(one.client, one.cookie))];
      case 'expire': {
        const sid = this.#sid(one.client);
        if (sid !== undefined) await this.implementation.end(sid);
        return [];
      }
      case 'parallel':
        return this.#askBoth(one.client, one.first, one.second);
    }
  }

  /** Both have loaded the session before the first does what it is to do, and is answered before the second does. */
  async #askBoth(who: Client, first: Operation, second: Operation): Promise<Outcome[]> {
    const header = this.#header(who, 'own');
    const barriers = [randomUUID(), randomUUID()] as const;
    const pending = [first, second].map((operated, index) => this.#ask(who, operated, header, barriers[index]));
    await Promise.all(barriers.map((barrier) => this.implementation.barrier(barrier).full));
    const answers: Outcome[] = [];
    for (const [index, barrier] of barriers.entries()) {
      this.implementation.barrier(barrier).open();
      const answer = await pending[index];
      if (answer !== undefined) answers.push(answer);
    }
    return answers;
  }

  async #ask(who: Client, operated: Operation, header: string | undefined, barrier?: string): Promise<Outcome> {
    const response = await fetch(this.implementation.origin, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-config': JSON.stringify(this.settings),
        ...(header === undefined ? {} : { cookie: header }),
        ...(barrier === undefined ? {} : { 'x-barrier': barrier }),
      },
      body: JSON.stringify(operated),
    });
    const body: unknown = JSON.parse(await response.text());
    const [setCookie] = response.headers.getSetCookie();
    const cookieAction = this.#cookieActionOf(setCookie, header);
    if (cookieAction === 'cleared') this.#cookies.delete(who);
    else if (setCookie !== undefined) this.#keep(who, setCookie);
    return { status: response.status, body, cookieAction };
  }

  #keep(who: Client, setCookie: string): void {
    const [pair = ''] = setCookie.split(';');
    this.#cookies.set(who, pair);
    const sids = this.#sids.get(who) ?? new Set();
    this.#sids.set(who, sids.add(sidOf(pair)));
  }

  #cookieActionOf(setCookie: string | undefined, sent: string | undefined): CookieAction {
    if (setCookie === undefined) return 'nothing';
    const [pair = '', ...attributes] = setCookie.split('; ');
    if (pair === 'sid=') return 'cleared';
    const expires = attributes.find((attribute) => attribute.startsWith('Expires='));
    // Ours say the same in two ways; stock express-session in one.
    const isAge = (attribute: string) => attribute === expires || attribute.startsWith('Max-Age=');
    return {
      sid: sent?.includes(encodeURIComponent(sidOf(pair))) === true ? 'same' : 'new',
      attributes: attributes.filter((attribute) => !isAge(attribute)).join('; '),
      expiresIn: expires === undefined ? 'never' : Math.round((Date.parse(expires.slice('Expires='.length)) - Date.now()) / HOUR),
    };
  }

  #header(who: Client, form: CookieForm): string | undefined {
    const own = this.#cookies.get(who);
    if (form === 'unknown') return signedCookie(generateSid());
    if (own === undefined || form === 'none') return undefined;
    const [key = '', text = ''] = own.split('=');
    const forms = {
      own,
      forged: `${own.slice(0, -6)}AAAAAA`,
      cut: own.slice(0, -6),
      unsigned: `sid=${sidOf(own)}`,
      quoted: `${key}="${text}"`,
      'after another': `theme=dark; ${own}`,
      [AFTER_A_DEAD_ONE]: `${signedCookie(generateSid())}; ${own}`,
    };
    return forms[form];
  }

  #sid(who: Client): string | undefined {
    const own = this.#cookies.get(who);
    return own === undefined ? undefined : sidOf(own);
  }
}

/** Without members that are undefined, and as JSON has them. */
function plain(entries: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(entries)) as Record<string, unknown>;
}
