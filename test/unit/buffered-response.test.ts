import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BufferedResponse, type ResponseHooks } from '../../src/http/response/buffered-response.js';
import { memoryResponse, type MemoryResponse } from '../support/memory-response.js';

/** A call of the application's. `note` gets what its callback is called with. */
type Call = (response: ServerResponse, note: (error?: unknown) => void) => unknown;

const CALLS: Record<string, Call> = {
  status: (response) => void (response.statusCode = 404),
  setHeader: (response) => void response.setHeader('X-Set', 'set'),
  removeHeader: (response) => response.removeHeader('X-Set'),
  writeHead: (response) => void response.writeHead(201, { 'X-Head': 'head' }),
  writeHeadPairs: (response) => void response.writeHead(202, 'Fine', ['X-Head', 'one', 'X-Other', 'two']),
  writeHeadBad: (response) => void response.writeHead(1_000),
  write: (response, note) => response.write('some', note),
  writeMuch: (response, note) => response.write('x'.repeat(40_000), note),
  writeNothing: (response, note) => response.write('', note),
  writeBytes: (response, note) => response.write(Buffer.from([1, 2, 3]), note),
  writeBad: (response, note) => response.write(null, note),
  flushHeaders: (response) => response.flushHeaders(),
  end: (response, note) => void response.end(note),
  endData: (response, note) => void response.end('last', note),
  endEncoded: (response, note) => void response.end('bGFzdA==', 'base64', note),
};
const NAMES = Object.keys(CALLS);
const FEW = ['setHeader', 'writeHead', 'write', 'writeBad', 'flushHeaders', 'end', 'endData'];
/** Those that make the first byte leave. */
const STARTING = new Set(['write', 'writeMuch', 'writeNothing', 'writeBytes', 'flushHeaders', 'end', 'endData', 'endEncoded']);
const FAILURE = new Error('not stored');
const REPLACEMENT = { statusCode: 503, headers: { 'Retry-After': '1' }, body: 'replaced' };
const REFUSED = { statusCode: 500, headers: {}, body: 'refused' };

/** All sequences of so many of these. */
function* sequences(names: readonly string[], length: number): Generator<string[]> {
  if (length === 0) return yield [];
  for (const rest of sequences(names, length - 1)) for (const name of names) yield [...rest, name];
}

function upTo(names: readonly string[], length: number): string[][] {
  return Array.from({ length }, (_, index) => [...sequences(names, index + 1)]).flat();
}

/** A commit that the test answers. */
class Hooks implements ResponseHooks {
  readonly log: string[] = [];
  #commitUnderWay: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  memory: MemoryResponse | undefined;

  constructor(
    private readonly answer: 'at once' | 'later' | 'throws' = 'at once',
    private readonly late: 'at once' | 'later' = 'at once',
  ) {}

  commit(): void | Promise<void> {
    this.log.push('commit');
    if (this.answer === 'throws') throw FAILURE;
    if (this.answer === 'later') return this.#wait();
  }

  commitLate(): void | Promise<void> {
    this.log.push(this.memory?.response.writableEnded === true ? 'commitLate after the end' : 'commitLate');
    if (this.late === 'later') return this.#wait();
  }

  addHeaders(): void {
    this.log.push(this.memory?.sent === '' ? 'addHeaders' : 'addHeaders after the first byte');
    this.memory?.response.setHeader('X-Added', 'added');
  }

  replacementFor(error: unknown): typeof REPLACEMENT {
    this.log.push(error === FAILURE ? 'replacementFor' : String(error));
    return REPLACEMENT;
  }

  replacementForRefused(error: unknown): typeof REFUSED {
    this.log.push(`refused ${(error as { code?: unknown }).code as string}`);
    return REFUSED;
  }

  get isWaiting(): boolean {
    return this.#commitUnderWay !== undefined;
  }

  async endCommit(how: 'resolve' | 'reject' = 'resolve'): Promise<void> {
    this.#commitUnderWay?.[how](FAILURE);
    this.#commitUnderWay = undefined;
    await turn();
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#commitUnderWay = { resolve, reject };
    });
  }
}

/** A response, what the application sees of it, and what its client receives. */
class Run {
  readonly seen: [call: string, returned: unknown, headersSent: boolean][] = [];
  readonly calledBack: [call: string, outcome: unknown][] = [];
  readonly events: string[] = [];
  readonly memory = memoryResponse();
  readonly response: ServerResponse;
  readonly buffered: BufferedResponse | undefined;
  #hasEnded = false;

  constructor(hooks?: Hooks) {
    const { response } = this.memory;
    this.response = response;
    response.setHeader('X-Before', 'before');
    for (const event of ['finish', 'drain', 'error', 'close']) response.on(event, () => this.events.push(event));
    if (hooks === undefined) return;
    hooks.memory = this.memory;
    this.buffered = new BufferedResponse(response, hooks);
  }

  call(name: string): this {
    const { response } = this;
    // A second end says nothing: Node would make an error of its data.
    const call = this.buffered === undefined && this.#hasEnded && name.startsWith('end') ? CALLS['end']! : CALLS[name]!;
    try {
      const returned = call(response, (error) => this.calledBack.push([name, codeOf(error)]));
      this.seen.push([name, returned, response.headersSent]);
      this.#hasEnded ||= name.startsWith('end');
    } catch (error) {
      this.seen.push([name, codeOf(error), response.headersSent]);
    }
    return this;
  }

  callAll(names: readonly string[]): this {
    for (const name of names) this.call(name);
    return this;
  }

  /** Without the header that the commit adds. */
  get sent(): string {
    return this.memory.sent.replace('X-Added: added\r\n', '').replace(/x{9,}/g, ({ length }) => `${length} x`);
  }
}

function codeOf(error: unknown): unknown {
  return error === undefined || error === null ? 'done' : (error as { code?: unknown }).code;
}

/** What Node itself does with these calls. */
async function judged(names: readonly string[]): Promise<Run> {
  const run = new Run().callAll(names);
  await turn();
  return run;
}

function starts(names: readonly string[]): boolean {
  return names.some((name) => STARTING.has(name));
}

/** Once before the first byte; once more before an end that comes later. */
function commitsFor(names: readonly string[]): string[] {
  const calls = names.filter((name) => STARTING.has(name));
  if (calls.length === 0) return [];
  return ['commit', 'addHeaders', ...(calls.findIndex((name) => name.startsWith('end')) > 0 ? ['commitLate'] : [])];
}

function buffer(response: ServerResponse, hooks: ResponseHooks): BufferedResponse {
  return new BufferedResponse(response, hooks);
}

describe('a buffered response whose commit passes at once', () => {
  async function expectAsNode(names: readonly string[]): Promise<void> {
    const hooks = new Hooks();
    const run = new Run(hooks).callAll(names);
    await turn();
    const plain = await judged(names);
    const what = ({ seen, calledBack, events, sent }: Run) => ({ names, seen, calledBack, events, sent });
    expect(what(run)).toEqual(what(plain));
    expect([names, hooks.log]).toEqual([names, commitsFor(names)]);
  }

  test('is as a plain response, whatever is called in whatever order', async () => {
    for (const names of upTo(FEW, 4)) await expectAsNode(names);
  });

  test('is so for longer ones and for every call there is', async () => {
    const names = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 8 });
    await fc.assert(fc.asyncProperty(names, expectAsNode), { numRuns: 1_000 });
  });
});

describe('a buffered response whose commit passes later', () => {
  /** Node's error for a write after the end is only in its callback: the application cannot know that the response has ended. */
  const withoutErrors = ({ events }: Run) => events.filter((event) => event !== 'error');

  /** Commits are answered once so many calls were made, and then as they come. */
  async function expectAsNode(names: readonly string[], answeredAfter: number, late: 'at once' | 'later'): Promise<void> {
    const hooks = new Hooks('later', late);
    const run = new Run(hooks).callAll(names.slice(0, answeredAfter));
    await turn();
    expect([names, run.sent, run.calledBack.filter(([, outcome]) => outcome === 'done')]).toEqual([names, '', []]);
    await hooks.endCommit();
    run.callAll(names.slice(answeredAfter));
    while (hooks.isWaiting) await hooks.endCommit();
    await turn();
    const plain = await judged(names);
    const what = (one: Run) => ({
      names,
      sent: one.sent,
      seen: one.seen.map(known),
      calledBack: sorted(one.calledBack),
      finished: withoutErrors(one),
    });
    expect(what(run)).toEqual(what(plain));
    expect([names, hooks.log]).toEqual([names, commitsFor(names)]);
  }

  /** Whether there is room for more is another matter. */
  const known = ([name, returned, headersSent]: Run['seen'][number]) =>
    typeof returned === 'boolean' ? [name, headersSent] : [name, returned, headersSent];
  // A second end is told of the first one, or that it is over: which it is depends on when the commit passes.
  const sorted = (list: readonly unknown[]) => list.map((one) => String(one).replace('ERR_STREAM_ALREADY_FINISHED', 'done')).toSorted();

  test('sends what a plain response sends, and nothing before', async () => {
    for (const names of upTo(FEW, 3)) for (const late of ['at once', 'later'] as const) await expectAsNode(names, names.length, late);
  });

  test('does so wherever between the calls the commit passes, for every call there is', async () => {
    const names = fc.array(fc.constantFrom(...NAMES.filter((name) => name !== 'writeMuch')), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(names, fc.nat(8), fc.constantFrom('at once', 'later'), async (calls, after, late) => {
        await expectAsNode(calls, Math.min(after, calls.length), late);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a buffered response whose commit fails', () => {
  const replaced = (body: string, status: string, more = '') =>
    `HTTP/1.1 ${status}\r\nx-before: before\r\n${more}Content-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body}`;

  /** How many calls have a callback, and have not thrown. */
  const callbacksIn = ({ seen }: Run) =>
    seen.filter(([name, returned]) => /^(write(?!Head)|end)/.test(name) && typeof returned !== 'string').length;

  async function expectReplaced(names: readonly string[], answer: 'later' | 'throws', failsAfter: number): Promise<void> {
    const hooks = new Hooks(answer);
    const run = new Run(hooks).callAll(names.slice(0, failsAfter));
    await turn();
    while (hooks.isWaiting) await hooks.endCommit('reject');
    run.callAll(names.slice(failsAfter));
    while (hooks.isWaiting) await hooks.endCommit('reject');
    await turn();
    if (!starts(names)) return expect([run.sent, hooks.log]).toEqual(['', []]);
    expect([names, run.sent]).toEqual([names, replaced('replaced', '503 Service Unavailable', 'Retry-After: 1\r\n')]);
    expect(hooks.log).toEqual(['commit', 'replacementFor']);
    expect(run.calledBack.filter(([, outcome]) => outcome !== 'done' && outcome !== 'ERR_STREAM_WRITE_AFTER_END')).toEqual([]);
    expect(run.calledBack).toHaveLength(callbacksIn(run));
    expect(run.events.filter((event) => event !== 'drain')).toEqual(['finish']);
    expect(run.events).toHaveLength(run.seen.some(([, returned]) => returned === false) ? 2 : 1);
  }

  test('sends the replacement, and nothing of what was written before or after', async () => {
    for (const names of upTo(FEW, 3)) for (const answer of ['later', 'throws'] as const) await expectReplaced(names, answer, names.length);
  });

  test('does so wherever between the calls it fails, for every call there is', async () => {
    const names = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(names, fc.constantFrom('later', 'throws'), fc.nat(8), async (calls, answer, after) => {
        await expectReplaced(calls, answer, Math.min(after, calls.length));
      }),
      { numRuns: 500 },
    );
  });

  const refused: [string, string, (response: ServerResponse) => void][] = [
    [
      'a status that there is not',
      'ERR_HTTP_INVALID_STATUS_CODE',
      (response) => void ((response.statusCode = 1_000), response.end('done')),
    ],
    [
      'a text of the status that has a line break',
      'ERR_INVALID_CHAR',
      (response) => void ((response.statusMessage = 'a\nb'), response.end()),
    ],
    [
      'a body of another length',
      'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
      (response) => void ((response.strictContentLength = true), response.setHeader('Content-Length', 9), response.end('done')),
    ],
  ];

  test.each(refused)('has its own replacement when Node refuses %s: what the commit adds is in it', async (_, code, answer) => {
    const hooks = new Hooks('later');
    const run = new Run(hooks);
    answer(run.response);
    await hooks.endCommit();
    expect(hooks.log).toEqual(['commit', 'addHeaders', `refused ${code}`, ...(run.response.destroyed ? [] : ['addHeaders'])]);
    if (run.response.destroyed) return expect(code).toBe('ERR_HTTP_CONTENT_LENGTH_MISMATCH');
    expect([run.sent, run.memory.sent.includes('X-Added')]).toEqual([replaced('refused', '500 Internal Server Error'), true]);
  });

  test.each(refused)('leaves it to the application when Node refuses %s at once', (_, code, answer) => {
    const hooks = new Hooks();
    const { response } = new Run(hooks);
    expect(() => answer(response)).toThrow(expect.objectContaining({ code }));
    expect(hooks.log).toEqual(['commit', 'addHeaders']);
    if (response.headersSent) return;
    // What it answers then waits for a commit too.
    Object.assign(response, { statusCode: 500, statusMessage: '' }).end('by the application');
    expect(hooks.log).toEqual(['commit', 'addHeaders', 'commit', 'addHeaders']);
  });
});

describe('a buffered response whose commit never answers', () => {
  test('sends nothing, calls nothing back, and lets nobody change its head', async () => {
    for (const names of upTo(FEW, 3).filter(starts)) {
      const hooks = new Hooks('later');
      const run = new Run(hooks).callAll(names);
      await turn();
      const { response, sent, calledBack, events, buffered } = run;
      expect([names, sent, calledBack.filter(([, outcome]) => outcome === 'done'), events]).toEqual([names, '', [], []]);
      expect([hooks.log, response.headersSent, buffered?.hasBegun, buffered?.isHeadOut]).toEqual([['commit'], true, true, false]);
      for (const change of ['setHeader', 'appendHeader', 'removeHeader', 'writeHead'] as const)
        expect(() => (response[change] as (...args: unknown[]) => void)('X-Late', '1')).toThrow(
          expect.objectContaining({ code: 'ERR_HTTP_HEADERS_SENT' }),
        );
    }
  });

  test('says to wait when it has taken as much as a connection would, and to go on when that is sent', async () => {
    const hooks = new Hooks('later');
    const { response, events } = new Run(hooks);
    const half = 'x'.repeat(response.writableHighWaterMark / 2);
    expect([response.write(half), response.write(half), events]).toEqual([true, false, []]);
    await hooks.endCommit();
    await turn();
    expect(events).toEqual(['drain']);
  });
});

describe('a client that goes', () => {
  const requests = new AsyncLocalStorage<string>();

  /** When the calls have brought the response there. */
  const states: [state: string, calls: string[], answer: 'at once' | 'later', commits: string[]][] = [
    ['pending', [], 'at once', ['commitLate']],
    ['pending, with a head', ['writeHead'], 'at once', ['commitLate']],
    ['buffering', ['write'], 'later', ['commit']],
    ['buffering the end', ['end'], 'later', ['commit']],
    ['committed', ['write'], 'at once', ['commit', 'addHeaders', 'commitLate']],
    ['ended', ['end'], 'at once', ['commit', 'addHeaders']],
  ];

  test.each(states)('while it is %s', async (_, calls, answer, commits) => {
    const hooks = new Hooks(answer);
    const run = new Run(hooks);
    run.buffered?.watchClient();
    run.callAll(calls).memory.leave();
    await turn();
    expect(hooks.log).toEqual(commits);
    await hooks.endCommit();
    run.callAll(['write', 'end']);
    expect(hooks.log.filter((one) => one === 'commit')).toHaveLength(1);
  });

  test('while the response waits for its turn on the connection', async () => {
    const memory = memoryResponse({ isWaiting: true });
    const hooks = new Hooks();
    buffer(memory.response, hooks).watchClient();
    memory.leave();
    await turn();
    expect(hooks.log).toEqual(['commitLate']);
  });

  test('changes nothing unless it is watched', async () => {
    const hooks = new Hooks();
    new Run(hooks).memory.leave();
    await turn();
    expect(hooks.log).toEqual([]);
  });

  test('is noticed in the async context of the request', async () => {
    const found: unknown[] = [];
    const memory = memoryResponse();
    const hooks = Object.assign(new Hooks(), { commitLate: () => void found.push(requests.getStore()) });
    requests.run('this request', () => new BufferedResponse(memory.response, hooks).watchClient());
    requests.run('another', () => memory.leave());
    await turn();
    expect(found).toEqual(['this request']);
  });

  test('never makes a call throw, whenever it goes', async () => {
    const names = fc.array(fc.constantFrom(...NAMES.filter((name) => !name.endsWith('Bad'))), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, fc.nat(6), fc.constantFrom('at once', 'later', 'throws'), async (calls, after, answer) => {
        const hooks = new Hooks(answer);
        const run = new Run(hooks);
        run.buffered?.watchClient();
        run.callAll(calls.slice(0, after)).memory.leave();
        await turn();
        run.callAll(calls.slice(after));
        while (hooks.isWaiting) await hooks.endCommit();
        const thrown = run.seen.map((one) => one[1]).filter((one) => typeof one === 'string');
        expect(thrown.filter((code) => code !== 'ERR_HTTP_HEADERS_SENT')).toEqual([]);
        expect(hooks.log.filter((one) => one === 'commit').length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a stream that is piped into a buffered response', () => {
  const pieces = ['one', 'x'.repeat(40_000), 'y'.repeat(40_000), 'last'];

  async function piped(hooks: Hooks | undefined, outcome: 'resolve' | 'reject'): Promise<{ run: Run; source: Readable }> {
    const run = new Run(hooks);
    const source = Readable.from(pieces);
    source.pipe(run.response);
    while (!source.destroyed || !run.events.includes('finish')) {
      await turn();
      if (hooks?.isWaiting === true) await hooks.endCommit(outcome);
    }
    await turn();
    return { run, source };
  }

  test.each<['at once' | 'later']>([['at once'], ['later']])('arrives as it does in a plain one, the commit passing %s', async (answer) => {
    const plain = await piped(undefined, 'resolve');
    const buffered = await piped(new Hooks(answer, answer), 'resolve');
    expect(buffered.run.sent).toBe(plain.run.sent);
    expect(buffered.run.events.at(-1)).toBe('finish');
  });

  test.each<['later' | 'throws']>([['later'], ['throws']])('is closed when the commit fails (%s)', async (answer) => {
    const { run } = await piped(new Hooks(answer), 'reject');
    expect([run.sent.startsWith('HTTP/1.1 503 '), run.sent.endsWith('replaced')]).toEqual([true, true]);
  });

  test('waits while the commit does', async () => {
    const { response } = new Run(new Hooks('later'));
    let read = 0;
    const source = new PassThrough({ highWaterMark: 1 });
    source.on('data', () => read++);
    source.pipe(response);
    for (let written = 0; written < 100; written++) {
      source.write('x'.repeat(10_000));
      await turn();
    }
    expect(read).toBeLessThanOrEqual(Math.ceil(response.writableHighWaterMark / 10_000));
  });
});

describe('what else has put methods on a response', () => {
  test('is called beneath, with what the application gave', () => {
    const { response } = memoryResponse();
    const calls: unknown[] = [];
    response.end = ((...args: unknown[]) => (calls.push(args), response)) as never;
    buffer(response, new Hooks());
    response.end('done', 'latin1');
    expect(calls).toEqual([['done', 'latin1']]);
  });

  test('and is put on later is called on top', () => {
    const memory = memoryResponse();
    buffer(memory.response, new Hooks());
    const { end } = memory.response;
    memory.response.end = function (this: ServerResponse, text: string) {
      return Reflect.apply(end, this, [text.toUpperCase()]);
    } as never;
    memory.response.end('done');
    expect(memory.sent).toMatch(/DONE$/);
  });

  test.each<[string, (response: ServerResponse) => ServerResponse]>([
    ['a proxy of it', (response) => new Proxy(response, {})],
    ['what inherits from it', (response) => Object.create(response) as ServerResponse],
  ])('acts on the response itself when called on %s', (_, wrap) => {
    const memory = memoryResponse();
    buffer(memory.response, new Hooks());
    const wrapped = wrap(memory.response);
    wrapped.write('some');
    expect(wrapped.end('last')).toBe(wrapped);
    expect(memory.sent).toContain('4\r\nsome\r\n4\r\nlast\r\n0');
  });

  test('a response that two wait for leaves when both commits have passed', async () => {
    const memory = memoryResponse();
    const [first, second] = [new Hooks('later'), new Hooks('later')];
    for (const hooks of [first, second]) buffer(memory.response, hooks);
    memory.response.end('done');
    await second.endCommit();
    expect([first.isWaiting, memory.sent]).toEqual([true, '']);
    await first.endCommit();
    expect(memory.sent).toMatch(/done$/);
  });
});
