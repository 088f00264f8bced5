import type { IncomingMessage } from 'node:http';
import { stateHolder } from './state-holder.js';

/** What a web framework says of the client of a request, by its own setting about proxies. A request of Fastify's is one. */
export interface RequestClient {
  /** `https` when the client came over it. */
  readonly protocol: string;
  /** The host that the client asked, with its port. */
  readonly host: string | undefined;
  /** The address of the client. */
  readonly ip: string | undefined;
}

const CLIENT = Symbol('client of a request');

interface WithClient {
  [CLIENT]?: RequestClient;
}

/** For a framework whose request is not Node's: makes that what it says of the client of Node's request. It is read when it is needed. */
export function keepClient(request: IncomingMessage, client: RequestClient): void {
  (stateHolder(request) as WithClient)[CLIENT] = client;
}

/** `undefined` where nobody has said anything. */
export function clientOf(request: IncomingMessage): RequestClient | undefined {
  return (stateHolder(request) as WithClient)[CLIENT];
}
