import type { ServerResponse } from 'node:http';
import type { WriteArguments } from './buffered-writes.js';
import type { HeadArguments } from './response-headers.js';

/** Under which name a response has its gate. */
const GATE = Symbol('response gate');

type GatedResponse = ServerResponse & { [GATE]?: Gate };

/** What the methods of a response ask. */
export interface Gate {
  writeHead(args: HeadArguments): void;
  write(args: WriteArguments): boolean;
  end(args: WriteArguments): void;
  flushHeaders(): void;
}

/** The methods through which a response leaves. */
export type GatedMethods = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
type MethodName = keyof GatedMethods;

// The methods of every response that has a gate. Closures for each response would cost 2 us (docs/performance.md).

function writeHead(this: GatedResponse, ...args: HeadArguments): ServerResponse {
  const { [GATE]: gate } = this;
  if (gate === undefined) return callBeneath(this, 'writeHead', args);
  gate.writeHead(args);
  return this;
}

function write(this: GatedResponse, ...args: WriteArguments): boolean {
  const { [GATE]: gate } = this;
  return gate === undefined ? callBeneath(this, 'write', args) : gate.write(args);
}

function end(this: GatedResponse, ...args: WriteArguments): ServerResponse {
  const { [GATE]: gate } = this;
  if (gate === undefined) return callBeneath(this, 'end', args);
  gate.end(args);
  return this;
}

function flushHeaders(this: GatedResponse): void {
  const { [GATE]: gate } = this;
  if (gate === undefined) callBeneath(this, 'flushHeaders', []);
  else gate.flushHeaders();
}

const GATED = { writeHead, write, end, flushHeaders } as GatedMethods;
const METHODS = Object.keys(GATED) as readonly MethodName[];

/**
 * Puts a gate before a response, whose methods ask it from now on. They are the response's own: nothing that responses share is changed.
 *
 * @returns the methods that the response itself had before, as those of a compression. What has none is its prototype's.
 */
export function putGate(response: GatedResponse, gate: Gate): Partial<GatedMethods> | undefined {
  const own = methodsOn(response);
  response[GATE] = gate;
  response.writeHead = writeHead;
  response.write = write as GatedMethods['write'];
  response.end = end as GatedMethods['end'];
  response.flushHeaders = flushHeaders;
  return own;
}

function methodsOn(response: GatedResponse): Partial<GatedMethods> | undefined {
  const { [GATE]: gate } = response;
  // It, or what it inherits from, is the response to another request too: both gates have to let it pass.
  if (gate !== undefined) return Object.fromEntries(METHODS.map((name) => [name, methodOf(gate, name)]));
  let own: Partial<GatedMethods> | undefined;
  for (const name of METHODS) if (Object.hasOwn(response, name)) own = { ...own, [name]: response[name] };
  return own;
}

function methodOf(gate: Gate, name: MethodName): (...args: unknown[]) => unknown {
  return (...args) => (gate[name] as (args: unknown[]) => unknown)(args);
}

/** What one of these methods does that somebody has put on a response without a gate. */
function callBeneath(response: ServerResponse, name: MethodName, args: unknown[]): never {
  let owner: object = response;
  while ((owner as GatedMethods)[name] === GATED[name]) owner = Object.getPrototypeOf(owner) as object;
  return Reflect.apply((owner as GatedMethods)[name], response, args as never) as never;
}
