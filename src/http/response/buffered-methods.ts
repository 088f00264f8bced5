import type { ServerResponse } from 'node:http';
import type { WriteArguments } from './buffered-writes.js';
import type { HeadArguments } from './response-headers.js';

/** Under which name a response has what its methods ask. */
const INTERCEPTED = Symbol('intercepted methods of a response');

type InterceptedResponse = ServerResponse & { [INTERCEPTED]?: InterceptedMethods };

/** What is called in the place of a response's methods. */
export interface InterceptedMethods {
  writeHead(args: HeadArguments): void;
  write(args: WriteArguments): boolean;
  end(args: WriteArguments): void;
  flushHeaders(): void;
}

/** The methods through which a response leaves. */
export type ResponseMethods = Pick<ServerResponse, 'writeHead' | 'write' | 'end' | 'flushHeaders'>;
type MethodName = keyof ResponseMethods;

// The same four functions on every response, which find what to call on the response that they are called on: one that has been given another's
// methods, or inherits from it, must not write into the other.

function writeHead(this: InterceptedResponse, ...args: HeadArguments): ServerResponse {
  const { [INTERCEPTED]: methods } = this;
  if (methods === undefined) return callOriginal(this, 'writeHead', args);
  methods.writeHead(args);
  return this;
}

function write(this: InterceptedResponse, ...args: WriteArguments): boolean {
  const { [INTERCEPTED]: methods } = this;
  return methods === undefined ? callOriginal(this, 'write', args) : methods.write(args);
}

function end(this: InterceptedResponse, ...args: WriteArguments): ServerResponse {
  const { [INTERCEPTED]: methods } = this;
  if (methods === undefined) return callOriginal(this, 'end', args);
  methods.end(args);
  return this;
}

function flushHeaders(this: InterceptedResponse): void {
  const { [INTERCEPTED]: methods } = this;
  if (methods === undefined) callOriginal(this, 'flushHeaders', []);
  else methods.flushHeaders();
}

const INTERCEPTORS = { writeHead, write, end, flushHeaders } as ResponseMethods;
const METHOD_NAMES = Object.keys(INTERCEPTORS) as readonly MethodName[];

/**
 * Calls `methods` in the place of a response's own from now on. They are put on the response itself: nothing that responses share is changed.
 *
 * @returns the methods that the response itself had before, such as a compression's. For the others, call its prototype's.
 */
export function interceptMethods(response: InterceptedResponse, methods: InterceptedMethods): Partial<ResponseMethods> | undefined {
  const original = methodsOn(response);
  response[INTERCEPTED] = methods;
  response.writeHead = writeHead;
  response.write = write as ResponseMethods['write'];
  response.end = end as ResponseMethods['end'];
  response.flushHeaders = flushHeaders;
  return original;
}

function methodsOn(response: InterceptedResponse): Partial<ResponseMethods> | undefined {
  const { [INTERCEPTED]: before } = response;
  // It, or what it inherits from, is the response to another request too: it leaves when both let it.
  if (before !== undefined) return Object.fromEntries(METHOD_NAMES.map((name) => [name, spreading(before, name)]));
  let own: Partial<ResponseMethods> | undefined;
  for (const name of METHOD_NAMES) if (Object.hasOwn(response, name)) own = { ...own, [name]: response[name] };
  return own;
}

function spreading(methods: InterceptedMethods, name: MethodName): (...args: unknown[]) => unknown {
  return (...args) => (methods[name] as (args: unknown[]) => unknown)(args);
}

/** For a response on which somebody has put one of these functions, and which is not intercepted. */
function callOriginal(response: ServerResponse, name: MethodName, args: unknown[]): never {
  let owner: object = response;
  while ((owner as ResponseMethods)[name] === INTERCEPTORS[name]) owner = Object.getPrototypeOf(owner) as object;
  return Reflect.apply((owner as ResponseMethods)[name], response, args as never) as never;
}
