import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';

const underWay = new AsyncLocalStorage<IncomingMessage>();

/** Goes on so that everything which that leads to, also later, can ask for the request. */
export function runInContextOf<T>(request: IncomingMessage, goOn: () => T): T {
  return underWay.run(request, goOn);
}

/** The request that this code serves; `undefined` outside of one, and where the application has not asked for contexts. */
export function requestUnderWay(): IncomingMessage | undefined {
  return underWay.getStore();
}
