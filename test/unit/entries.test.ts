import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Entries } from '../../src/session/entries.js';
import { applyDelta, type EncodedEntries, type EntryDelta } from '../../src/session/session-record.js';
import type { EntrySerializer } from '../../src/session/store/store-options.js';

const NAMES = ['a', 'b', 'constructor', 'toJSON', '@a', '', 'x y.z'];
const NOTHING: EncodedEntries = new Map();

describe('Entries', () => {
  describe('do what a plain object would', () => {
    const name = fc.constantFrom(...NAMES);
    const value = fc.jsonValue({ maxDepth: 3 }).map((json): unknown => JSON.parse(JSON.stringify(json)));
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ does: fc.constant('get' as const), name }) },
      { weight: 3, arbitrary: fc.record({ does: fc.constant('set' as const), name, value }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('remove' as const), name }) },
      { weight: 3, arbitrary: fc.record({ does: fc.constant('mutate' as const), name, value }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('reorder' as const), name }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('beginSave' as const) }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('endSave' as const), how: fc.constantFrom('done', 'ran', 'lost') }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('reload' as const) }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('learn' as const), name, n: fc.integer() }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('move' as const), keep: fc.uniqueArray(name) }) },
    );
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

    it('under any scenario of reads, changes, saves that fail or not, reloads and moves', () => {
      const content = fc.dictionary(name, value);
      fc.assert(
        fc.property(content, fc.array(step, { maxLength: 40 }), (initial, scenario) => run(initial, scenario)),
        { numRuns: 500 },
      );
    });

    function run(initial: Record<string, unknown>, scenario: readonly Step[]): void {
      const model = new Model(initial);
      for (const one of scenario) {
        model.take(one);
        model.check();
      }
      model.take({ does: 'endSave', how: 'done' });
      model.take({ does: 'beginSave' });
      model.take({ does: 'endSave', how: 'done' });
      model.checkStored();
    }

    /** Entries, beside them plain values that go the same way, and the store as it really is. */
    class Model {
      readonly entries: Entries;
      stored: EncodedEntries;
      readonly plain: Map<string, unknown>;
      /** What the entries know of the store. */
      known: Map<string, unknown>;
      readonly uncertain = new Set<string>();
      inFlight: EntryDelta | undefined;

      constructor(initial: Record<string, unknown>) {
        this.stored = encode(initial);
        this.plain = new Map(Object.entries(copy(initial)));
        this.known = clone(this.plain);
        this.entries = new Entries(this.stored, JSON, () => {
          throw new Error('Everything here can be decoded.');
        });
      }

      take(one: Step): void {
        if (one.does === 'get') expect(this.entries.get(one.name)).toEqual(this.plain.get(one.name));
        if (one.does === 'set') this.#set(one.name, one.value);
        if (one.does === 'remove') this.#remove(one.name);
        if (one.does === 'mutate') this.#mutate(one.name, one.value);
        if (one.does === 'reorder' && this.plain.has(one.name)) this.entries.set(one.name, reversed(copy(this.plain.get(one.name))));
        if (one.does === 'beginSave') this.inFlight ??= this.entries.delta();
        if (one.does === 'endSave') this.#endSave(one.how);
        if (one.does === 'reload') this.#reload();
        if (one.does === 'learn' && this.inFlight === undefined) this.#learn(one.name, one.n);
        if (one.does === 'move' && this.inFlight === undefined) this.#move(one.keep);
      }

      check(): void {
        expect(new Set(this.entries.names())).toEqual(new Set(this.plain.keys()));
        for (const one of NAMES) expect(this.entries.has(one)).toBe(this.plain.has(one));
        const delta = this.entries.delta() ?? { set: NOTHING, removed: [] };
        const changed = [...this.plain.keys()].filter(
          (one) => this.uncertain.has(one) || !isDeepStrictEqual(this.plain.get(one), this.known.get(one)),
        );
        expect(new Set(delta.set.keys())).toEqual(new Set(changed.filter((one) => this.plain.has(one))));
        for (const [one, text] of delta.set) expect(JSON.parse(text)).toEqual(this.plain.get(one));
        const removed = NAMES.filter((one) => !this.plain.has(one) && (this.known.has(one) || this.uncertain.has(one)));
        expect(new Set(delta.removed)).toEqual(new Set(removed));
        expect(decode(this.entries.encoded(NAMES))).toEqual(this.plain);
      }

      checkStored(): void {
        expect(decode(this.stored)).toEqual(this.plain);
      }

      #set(one: string, json: unknown): void {
        this.entries.set(one, copy(json));
        this.plain.set(one, copy(json));
      }

      #remove(one: string): void {
        this.entries.remove(one);
        this.plain.delete(one);
      }

      #mutate(one: string, json: unknown): void {
        for (const target of [this.entries.get(one), this.plain.get(one)]) {
          if (Array.isArray(target)) target.push(copy(json));
          else if (typeof target === 'object' && target !== null) Object.assign(target, { inner: copy(json) });
        }
      }

      #endSave(how: string): void {
        const delta = this.inFlight;
        this.inFlight = undefined;
        if (delta === undefined) return;
        if (how !== 'lost') this.stored = applyDelta(this.stored, delta);
        if (how === 'done') {
          this.#know(applyDelta(encode(Object.fromEntries(this.known)), delta));
          this.entries.rebase(encode(Object.fromEntries(this.known)));
        } else {
          this.entries.uncertain(delta);
          for (const one of [...delta.set.keys(), ...delta.removed]) this.uncertain.add(one);
        }
      }

      #reload(): void {
        this.inFlight = undefined;
        this.#know(this.stored);
        this.entries.reload(this.stored);
        this.plain.clear();
        for (const [one, json] of decode(this.stored)) this.plain.set(one, json);
      }

      #learn(one: string, n: number): void {
        this.stored = new Map(this.stored).set(one, String(n));
        this.entries.learn(one, String(n), this.entries.assignments);
        this.plain.set(one, n);
        this.known.set(one, n);
        this.uncertain.delete(one);
      }

      #move(keep: readonly string[]): void {
        this.stored = this.entries.encoded(keep);
        this.entries.replace(this.stored, this.entries.assignments);
        for (const one of this.plain.keys()) if (!keep.includes(one)) this.plain.delete(one);
        this.#know(this.stored);
      }

      #know(stored: EncodedEntries): void {
        this.known = decode(stored);
        this.uncertain.clear();
      }
    }
  });

  it('are decoded when read, once', () => {
    let parsed = 0;
    const counting: EntrySerializer = { stringify: JSON.stringify, parse: (text) => (parsed++, JSON.parse(text) as unknown) };
    const entries = new Entries(encode({ a: [1], b: [2] }), counting, () => undefined);
    expect(entries.names()).toEqual(['a', 'b']);
    expect(entries.delta()).toBeUndefined();
    expect(parsed).toBe(0);
    expect(entries.get('a')).toBe(entries.get('a'));
    expect(parsed).toBe(1);
  });

  it('keep the order loaded, then the order added', () => {
    const entries = entriesOf({ b: 1, a: 1 });
    entries.set('d', 1);
    entries.set('c', 1);
    entries.set('a', 2);
    expect(entries.names()).toEqual(['b', 'a', 'd', 'c']);
  });

  it('notice a change inside a value that was only read', () => {
    const entries = entriesOf({ cart: { items: ['tea'] } });
    (entries.get('cart') as { items: string[] }).items.push('milk');
    expect(entries.delta()).toEqual({ set: encode({ cart: { items: ['tea', 'milk'] } }), removed: [] });
  });

  it('find no change in a value whose keys come in another order', () => {
    const entries = entriesOf({ a: { x: 1, y: [{ p: 1, q: 2 }] } });
    entries.set('a', { y: [{ q: 2, p: 1 }], x: 1 });
    expect(entries.delta()).toBeUndefined();
  });

  it('find no change in a text that was written otherwise', () => {
    const entries = new Entries(new Map([['a', '{ "x": 1.0, "y": "\\u0041" }']]), JSON, () => undefined);
    expect(entries.get('a')).toEqual({ x: 1, y: 'A' });
    expect(entries.delta()).toBeUndefined();
  });

  it.each([undefined, () => 1, Symbol('s')])('remove what is set to %p', (value) => {
    const entries = entriesOf({ a: 1 });
    entries.set('a', value);
    expect(entries.delta()).toEqual({ set: NOTHING, removed: ['a'] });
  });

  it('find no change in a new entry that was removed again', () => {
    const entries = entriesOf({});
    entries.set('a', 1);
    entries.remove('a');
    expect(entries.delta()).toBeUndefined();
  });

  describe('that cannot be stored', () => {
    const circular: { self?: unknown; secret: string } = { secret: 'the value' };
    circular.self = circular;
    const deep = nested(20_000);
    const refusing = {
      toJSON: () => {
        throw new Error('the value');
      },
    };

    it.each([
      ['a circular structure', circular],
      ['a BigInt', { secret: 'the value', n: 1n }],
      ['a structure that is too deep', deep],
      ['a value that refuses', refusing],
    ])('are named, without the value: %s', (_what, value) => {
      const entries = entriesOf({});
      entries.set('my "entry"', value);
      for (const call of [() => entries.delta(), () => entries.encoded(['my "entry"'])]) {
        const error = thrownBy(call);
        expect(error).toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE', message: expect.stringContaining('"my \\"entry\\""') });
        expect(error.message).not.toContain('the value');
        expect(error.cause).toBeUndefined();
      }
    });

    it('are named also when they were only read, and changed inside', () => {
      const entries = entriesOf({ a: {} });
      (entries.get('a') as { n: unknown }).n = 1n;
      expect(thrownBy(() => entries.delta())).toMatchObject({ code: 'SESSION_NOT_SERIALIZABLE' });
    });

    it('stay as they are when they came so deep from the store and were only read', () => {
      const text = '['.repeat(20_000) + ']'.repeat(20_000);
      const entries = new Entries(new Map([['a', text]]), JSON, () => undefined);
      expect(Array.isArray(entries.get('a'))).toBe(true);
      expect(entries.delta()).toBeUndefined();
      expect(entries.encoded(['a']).get('a')).toBe(text);
    });
  });

  describe('that cannot be decoded', () => {
    function broken(): { entries: Entries; told: () => number } {
      let told = 0;
      const loaded = new Map([
        ['a', '{"broken'],
        ['b', '1'],
      ]);
      return { entries: new Entries(loaded, JSON, () => told++), told: () => told };
    }

    it('are undefined, told of once, and left as they are', () => {
      const { entries, told } = broken();
      expect([entries.get('a'), entries.get('a'), entries.get('b')]).toEqual([undefined, undefined, 1]);
      expect(told()).toBe(1);
      expect(entries.delta()).toBeUndefined();
      expect(entries.encoded(['a'])).toEqual(new Map([['a', '{"broken']]));
    });

    it('can be written anew', () => {
      const { entries } = broken();
      entries.get('a');
      entries.set('a', 1);
      expect(entries.delta()).toEqual({ set: encode({ a: 1 }), removed: [] });
    });

    it('can be written anew without having been read', () => {
      const { entries } = broken();
      entries.set('a', { x: 1 });
      expect(entries.delta()).toEqual({ set: encode({ a: { x: 1 } }), removed: [] });
    });

    it('can be removed', () => {
      const { entries } = broken();
      entries.get('a');
      entries.remove('a');
      expect(entries.delta()).toEqual({ set: NOTHING, removed: ['a'] });
    });
  });

  describe('called identity', () => {
    it('are frozen when read, all the way down', () => {
      const entries = entriesOf({ identity: { id: 1, roles: ['user'] } });
      const identity = entries.get('identity') as { id: number; roles: string[] };
      expect(() => identity.roles.push('admin')).toThrow(TypeError);
      expect(() => {
        identity.id = 2;
      }).toThrow(TypeError);
      expect(entries.delta()).toBeUndefined();
    });

    it('are nobody when too deep to be frozen', () => {
      const text = `{"id":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
      const entries = new Entries(new Map([['identity', text]]), JSON, () => undefined);
      expect(entries.get('identity')).toBeUndefined();
    });
  });

  describe('of which one was learnt anew', () => {
    it('have that value', () => {
      const entries = entriesOf({ n: 1, m: 1 });
      entries.get('n');
      entries.set('m', 2);
      entries.learn('n', '5', entries.assignments);
      expect(entries.get('n')).toBe(5);
      expect(entries.delta()).toEqual({ set: encode({ m: 2 }), removed: [] });
    });

    it('keep what was assigned to it meanwhile as a change', () => {
      const entries = entriesOf({ n: 1 });
      const { assignments } = entries;
      entries.set('n', 100);
      entries.learn('n', '5', assignments);
      expect(entries.delta()).toEqual({ set: encode({ n: 100 }), removed: [] });
    });

    it('leave those alone whose outcome is unknown', () => {
      const entries = entriesOf({ a: 1 });
      entries.set('a', 2);
      entries.uncertain(entries.delta()!);
      entries.set('a', 1);
      entries.learn('n', '5', entries.assignments);
      expect(entries.delta()).toEqual({ set: encode({ a: 1 }), removed: [] });
    });
  });

  describe('moved to another session', () => {
    it('keep the objects in use under a name that stays', () => {
      const entries = entriesOf({ cart: ['tea'], other: {} });
      const cart = entries.get('cart') as string[];
      entries.get('other');
      entries.replace(encode({ cart: ['tea'] }), entries.assignments);
      expect(entries.get('cart')).toBe(cart);
      expect(entries.get('other')).toBeUndefined();
      cart.push('milk');
      expect(entries.delta()).toEqual({ set: encode({ cart: ['tea', 'milk'] }), removed: [] });
    });

    it('take the identity of that session', () => {
      const entries = entriesOf({ identity: { id: 1 } });
      entries.get('identity');
      entries.replace(encode({ identity: { id: 2 } }), entries.assignments);
      expect(entries.get('identity')).toEqual({ id: 2 });
    });

    it('keep what was assigned after the move was begun as changes', () => {
      const entries = entriesOf({ kept: 1, dropped: 1, removed: 1 });
      entries.set('dropped', 2);
      const { assignments } = entries;
      entries.set('kept', 2);
      entries.set('added', 1);
      entries.remove('removed');
      entries.replace(encode({ kept: 1, removed: 1 }), assignments);
      expect(entries.names()).toEqual(['kept', 'added']);
      expect(entries.delta()).toEqual({ set: encode({ kept: 2, added: 1 }), removed: ['removed'] });
    });
  });

  it('write again what was written with an unknown outcome, also when it is as loaded again', () => {
    const entries = entriesOf({ a: 1, b: 1 });
    entries.set('a', 2);
    entries.remove('b');
    entries.uncertain(entries.delta()!);
    entries.set('a', 1);
    entries.set('b', 1);
    expect(entries.delta()).toEqual({ set: encode({ a: 1, b: 1 }), removed: [] });
    entries.rebase(encode({ a: 1, b: 1 }));
    expect(entries.delta()).toBeUndefined();
  });

  it('remove again what was added with an unknown outcome', () => {
    const entries = entriesOf({});
    entries.set('a', 1);
    entries.uncertain(entries.delta()!);
    entries.remove('a');
    expect(entries.delta()).toEqual({ set: NOTHING, removed: ['a'] });
  });
});

function entriesOf(values: Record<string, unknown>): Entries {
  return new Entries(encode(values), JSON, () => undefined);
}

function encode(values: Record<string, unknown>): Map<string, string> {
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)]));
}

function decode(entries: EncodedEntries): Map<string, unknown> {
  return new Map([...entries].map(([name, text]): [string, unknown] => [name, JSON.parse(text)]));
}

function clone(values: ReadonlyMap<string, unknown>): Map<string, unknown> {
  return new Map([...values].map(([name, value]) => [name, copy(value)]));
}

/** `structuredClone` gives objects of another realm under jest, which no strict comparison likes. */
function copy<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toReversed());
}

function nested(depth: number): unknown {
  let value: unknown[] = [];
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

function thrownBy(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown.');
}
