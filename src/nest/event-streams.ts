import { UseInterceptors, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { Observable, takeUntil } from 'rxjs';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import { watchSession } from '../http/request/session-watch.js';
import { requestIn } from './execution-context.js';

/** What `@Sse()` notes on a handler. */
const SSE = '__sse__';

/** By its completion: ending the response from outside leaves whoever produces the events at work for ever. */
const END_WITH_SESSION: NestInterceptor = {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = requestIn(context);
    const state = request && stateOf(request);
    // Nest writes such a stream to Node's own response, also under a framework that has another.
    state?.transport.useNodeRequest();
    const events: Observable<unknown> = next.handle();
    // A stream that is open to everybody is nobody's.
    return state?.isLetIn === true ? events.pipe(takeUntil(endOf(state))) : events;
  },
};

function endOf(state: RequestState): Observable<void> {
  return new Observable((subscriber) => watchSession(state, () => subscriber.next()));
}

const prepared = new WeakSet<object>();

/**
 * Lets every stream of events end with the session that `SessionGuard` let it in with. On those handlers alone, before Nest makes routes of them: a
 * global interceptor would be paid for by every request.
 */
export function endEventStreams(modules: ModulesContainer): void {
  for (const { controllers } of modules.values())
    for (const { metatype } of controllers.values()) if (typeof metatype === 'function') prepare(metatype.prototype as object);
}

function prepare(controller: object): void {
  for (let target = controller; target !== Object.prototype && target !== null; target = Object.getPrototypeOf(target) as object)
    for (const name of Object.getOwnPropertyNames(target)) {
      const descriptor = Object.getOwnPropertyDescriptor(target, name);
      const handler: unknown = descriptor?.value;
      if (typeof handler !== 'function' || Reflect.getMetadata(SSE, handler) === undefined || prepared.has(handler)) continue;
      prepared.add(handler);
      UseInterceptors(END_WITH_SESSION)(target, name, descriptor as TypedPropertyDescriptor<unknown>);
    }
}
