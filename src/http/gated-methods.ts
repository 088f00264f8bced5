import type { ServerResponse } from 'node:http';
import { types } from 'node:util';
import type { WriteArguments } from './held-writes.js';
import { stateBehind } from './message-state.js';
import { refuse, type HeadArguments } from './response-headers.js';
import { sharedPrototypeOf } from './shared-prototype.js';

/** Under which name the state of a response has a gate that the methods of its prototype ask. */
const GATE = Symbol('response gate');
/**
 * And one that its own methods ask: those of the prototype, to which they lead in the end, have nothing to ask then. What stands in between
 * may write at any time, a compression also what is answered in the place of an abandoned answer.
 */
const OWN_GATE = Symbol('own response gate');
type GateName = typeof GATE | typeof OWN_GATE;

/** What the methods of a response ask before they do anything. */
export interface Gate {
  readonly response: ServerResponse;
  /** Whether the head is out, so that nothing but the end is of interest. */
  readonly isOpen: boolean;
  /** Whether the end is out too. */
  readonly isClosed: boolean;
  writeHead(args: HeadArguments): void;
  write(args: WriteArguments): boolean;
  end(args: WriteArguments): void;
  flushHeaders(): void;
  /** How far the response is to look as if it were sent; `undefined` when it is to look as it is. */
  readonly looks: 'head sent' | 'ended' | undefined;
}

/** The methods through which a response leaves. */
export type GatedMethods = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;

const METHODS = ['writeHead', 'write', 'end', 'flushHeaders'] as const;
const HEADER_METHODS = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/**
 * How many responses look as if they were sent. While it is none, as in an application that only reads its sessions, nobody looks for
 * gates where headers are set.
 */
let sealed = 0;

/** Call when a gate begins to make its response look as if it were sent (+1), and when it ends to (-1). */
export function countSealed(change: 1 | -1): void {
  sealed += change;
}

/** What stood in the place of the gate's methods on the prototypes that have them. */
const originals = new WeakMap<object, GatedMethods>();

/**
 * Puts a gate before a response, whose methods ask it from now on. `make` gets the methods as they were.
 *
 * Where responses have a prototype that is there to be extended, the methods that ask go there, once: as own properties they would make
 * each request several us dearer (docs/performance.md). A response whose methods somebody has replaced already, and one of a plain Node
 * server, gets them itself.
 */
export function putGate<G extends Gate>(response: ServerResponse, make: (original: GatedMethods) => G): G {
  const prototype = sharedPrototypeOf(response) as ServerResponse | undefined;
  const isShared = prototype !== undefined && !METHODS.some((name) => Object.hasOwn(response, name));
  const original = isShared ? guardPrototype(prototype) : guardResponse(response);
  const gate = make(original);
  (stateBehind(response) as { [Name in GateName]?: Gate })[isShared ? GATE : OWN_GATE] = gate;
  return gate;
}

function guardPrototype(prototype: ServerResponse): GatedMethods {
  let original = originals.get(prototype);
  if (original === undefined) {
    original = methodsOf(prototype);
    originals.set(prototype, original);
    const disguise = disguiseOf(prototype, GATE);
    Object.assign(prototype, gatedMethods(original, GATE));
    Object.defineProperties(prototype, disguise);
  }
  return original;
}

function guardResponse(response: ServerResponse): GatedMethods {
  const original = methodsOf(response);
  const disguise = disguiseOf(response, OWN_GATE);
  Object.assign(response, gatedMethods(original, OWN_GATE));
  Object.defineProperties(response, disguise);
  return original;
}

function methodsOf({ writeHead, write, end, flushHeaders }: GatedMethods): GatedMethods {
  return { writeHead, write, end, flushHeaders };
}

/** The gate before that response. A second response to the same request, which an application may make up, has none. */
function gateOf(response: ServerResponse, name: GateName): Gate | undefined {
  const gate = (stateBehind(response) as { [Name in GateName]?: Gate })[name];
  return gate === undefined || gate.response === response || isWrapped(response) ? gate : undefined;
}

/** Whether that is a proxy of a response, or an object that inherits from one. */
function isWrapped(response: ServerResponse): boolean {
  return types.isProxy(response) || !Object.hasOwn(response, 'req');
}

/** Methods that ask the response's gate, and leave alone a response that has none or has passed it. */
function gatedMethods(original: GatedMethods, name: GateName): GatedMethods {
  const methods = {
    writeHead(this: ServerResponse, ...args: HeadArguments) {
      const gate = gateOf(this, name);
      if (gate === undefined || gate.isOpen)
        return Reflect.apply<ServerResponse, HeadArguments, ServerResponse>(original.writeHead as never, this, args);
      gate.writeHead(args);
      return this;
    },
    write(this: ServerResponse, ...args: WriteArguments) {
      const gate = gateOf(this, name);
      return gate === undefined || gate.isOpen ? Reflect.apply(original.write, this, args as never) : gate.write(args);
    },
    end(this: ServerResponse, ...args: WriteArguments) {
      const gate = gateOf(this, name);
      if (gate === undefined || gate.isClosed)
        return Reflect.apply<ServerResponse, never, ServerResponse>(original.end as never, this, args as never);
      gate.end(args);
      return this;
    },
    flushHeaders(this: ServerResponse) {
      const gate = gateOf(this, name);
      if (gate === undefined || gate.isOpen) Reflect.apply(original.flushHeaders, this, []);
      else gate.flushHeaders();
    },
  };
  return methods;
}

/**
 * What makes a response whose head is held look and behave as if it were sent: it says so, and lets nobody change it. An error handler that
 * answers once more would otherwise put its status and length on the answer that is held.
 */
function disguiseOf(target: ServerResponse, name: GateName): PropertyDescriptorMap {
  const looksOf = (response: ServerResponse) => (sealed === 0 ? undefined : gateOf(response, name)?.looks);
  const disguise: PropertyDescriptorMap = {
    headersSent: covered(target, 'headersSent', (response) => looksOf(response) !== undefined),
    writableEnded: covered(target, 'writableEnded', (response) => looksOf(response) === 'ended'),
  };
  for (const method of HEADER_METHODS) {
    const original = target[method] as (...args: unknown[]) => unknown;
    disguise[method] = {
      configurable: true,
      enumerable: true,
      writable: true,
      value(this: ServerResponse, ...args: unknown[]) {
        if (looksOf(this) !== undefined) refuse();
        return Reflect.apply(original, this, args);
      },
    };
  }
  return disguise;
}

/** A property that is true while the response is to look so, and else what it was. */
function covered(target: object, property: string, isTrue: (response: ServerResponse) => boolean): PropertyDescriptor {
  const below = descriptorOf(target, property);
  return {
    configurable: true,
    enumerable: below?.enumerable ?? true,
    get(this: ServerResponse): unknown {
      if (isTrue(this)) return true;
      return below?.get === undefined ? below?.value : (below.get.call(this) as unknown);
    },
  };
}

function descriptorOf(target: object, property: string): PropertyDescriptor | undefined {
  for (let next: object | null = target; next !== null; next = Object.getPrototypeOf(next) as object | null) {
    const found = Object.getOwnPropertyDescriptor(next, property);
    if (found !== undefined) return found;
  }
  return undefined;
}
