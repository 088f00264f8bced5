import * as fc from 'fast-check';

/** What is done to an object that has entries of any name: a session, or the plain object that it should be like. */
export type Entries = Record<string, unknown>;

/** Besides plain ones: such as objects have themselves, and such as look like numbers, like our own fields, or like nothing. */
const NAMES = ['a', 'b', 'cart', '7', '@a', '', 'x y.z', 'constructor', 'toString', 'toJSON', 'length'];

const name = fc.constantFrom(...NAMES);
const json = fc.jsonValue({ maxDepth: 3 }).map((one): unknown => JSON.parse(JSON.stringify(one)));
/** What becomes something else as JSON, or nothing. */
const odd = fc.constantFrom<unknown>(undefined, NaN, new Date(0), { x: undefined, y: [undefined] }, { when: new Date(1) });
const value = fc.oneof({ weight: 6, arbitrary: json }, { weight: 1, arbitrary: odd });

const on = <Does extends string>(...does: Does[]) => fc.record({ does: fc.constantFrom(...does), name });
const onTwo = <Does extends string>(...does: Does[]) => fc.record({ does: fc.constantFrom(...does), name, other: name });
const withValue = <Does extends string>(...does: Does[]) => fc.record({ does: fc.constantFrom(...does), name, value });

/** One thing that a handler may do to the entries. */
export const operation = fc.oneof(
  { weight: 4, arbitrary: on('get', 'in', 'hasOwn', 'delete', 'assignItself', 'reorder', 'hold') },
  { weight: 3, arbitrary: onTwo('copy', 'swap', 'destructure') },
  { weight: 6, arbitrary: withValue('set', 'nest', 'unnest', 'spreadInto', 'append', 'define', 'changeHeld') },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('assign' as const), values: fc.dictionary(name, value) }) },
  {
    weight: 2,
    arbitrary: fc.record({ does: fc.constantFrom('spread', 'stringify', 'forIn', 'keys', 'values', 'entries', 'ownNames') }),
  },
);
export type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** The entries that a session begins with. */
export const content = fc.dictionary(name, json);

/** Carries out operations on one object, and answers with what they see of it. */
export class Doer {
  /** A value that was read earlier and that the handler still has. */
  #held: unknown;

  perform(target: Entries, one: Operation): unknown {
    switch (one.does) {
      case 'get':
        return inherited(target[one.name]);
      case 'in':
        return one.name in target;
      case 'hasOwn':
        return [Object.hasOwn(target, one.name), Object.prototype.propertyIsEnumerable.call(target, one.name)];
      case 'delete':
        return delete target[one.name];
      case 'assignItself':
        return own(target, one.name) && Object.assign(target, { [one.name]: target[one.name] }) === target;
      case 'reorder':
        return own(target, one.name) && void (target[one.name] = reversed(target[one.name]));
      case 'hold':
        return own(target, one.name) && void (this.#held = target[one.name]);
      case 'changeHeld':
        return changeInside(this.#held, fresh(one.value));
      case 'copy':
        return own(target, one.other) && void (target[one.name] = target[one.other]);
      case 'swap':
        if (!own(target, one.name) || !own(target, one.other)) return false;
        [target[one.name], target[one.other]] = [target[one.other], target[one.name]];
        return true;
      case 'destructure': {
        const { [one.name]: first, [one.other]: second = 'nothing', ...rest } = target;
        return [inherited(first), inherited(second), withoutCookie(rest)];
      }
      case 'set':
        return void (target[one.name] = fresh(one.value));
      case 'nest':
        return own(target, one.name) && changeInside(target[one.name], fresh(one.value));
      case 'unnest':
        return own(target, one.name) && removeInside(target[one.name]);
      case 'spreadInto':
        target[one.name] = { ...(own(target, one.name) ? Object(target[one.name]) : undefined), more: fresh(one.value) };
        return target[one.name];
      case 'append':
        target[one.name] = [...list(own(target, one.name) ? target[one.name] : []), fresh(one.value)];
        return target[one.name];
      case 'define':
        return Reflect.defineProperty(target, one.name, { value: fresh(one.value), writable: true, enumerable: true, configurable: true });
      case 'assign':
        return Object.assign(target, fresh(one.values)) === target;
      case 'spread':
        return withoutCookie({ ...target });
      case 'stringify':
        return withoutCookie(JSON.parse(JSON.stringify(target)) as Entries);
      case 'forIn': {
        const seen: Entries = {};
        for (const key in target) seen[key] = target[key];
        return withoutCookie(seen);
      }
      case 'keys':
        return names(Object.keys(target));
      case 'values':
        return Object.values(target).length - Number(Object.hasOwn(target, 'cookie'));
      case 'entries':
        return withoutCookie(Object.fromEntries(Object.entries(target)));
      case 'ownNames':
        return names(Object.getOwnPropertyNames(target));
    }
  }
}

function own(target: Entries, one: string): boolean {
  return Object.hasOwn(target, one);
}

function changeInside(target: unknown, inner: unknown): unknown {
  if (Array.isArray(target)) target.push(inner);
  else if (typeof target === 'object' && target !== null) Object.assign(target, { inner });
  return target;
}

function removeInside(target: unknown): unknown {
  if (Array.isArray(target)) target.shift();
  else if (typeof target === 'object' && target !== null) {
    // By name: an entry whose keys only come in another order is not written, and so has the order it had.
    const [first] = Object.keys(target).toSorted();
    if (first !== undefined) Reflect.deleteProperty(target, first);
  }
  return target;
}

function reversed(target: unknown): unknown {
  if (typeof target !== 'object' || target === null || Array.isArray(target) || target instanceof Date) return target;
  return Object.fromEntries(Object.entries(target).toReversed());
}

function list(target: unknown): unknown[] {
  return Array.isArray(target) ? target : [target];
}

/** Each object gets its own, so that a change inside one is not seen in another. (What `structuredClone` gives is of another realm than jest's.) */
export function fresh<T>(one: T): T {
  return copied(one) as T;
}

function copied(one: unknown): unknown {
  if (Array.isArray(one)) return one.map(copied);
  if (one instanceof Date) return new Date(one);
  if (typeof one !== 'object' || one === null) return one;
  return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, copied(inner)]));
}

/** What no entry gives comes from a prototype, and each kind of object has a constructor of its own. */
function inherited(one: unknown): unknown {
  return typeof one === 'function' ? 'inherited' : one;
}

/** A session has a cookie besides its entries. */
function withoutCookie({ cookie: _cookie, ...entries }: Entries): Entries {
  return entries;
}

/** Besides entries, a session has these of its own. */
function names(all: string[]): string[] {
  return all.filter((one) => !['cookie', 'id', 'req'].includes(one)).toSorted();
}
