import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { rotateBeforeUse } from '../http/request/load-session.js';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { demandsOf } from './demands.js';
import { requestIn } from './execution-context.js';
import { PASSIVE } from './passive.decorator.js';

/**
 * Tells a request that its handler only looks at the session. Stands before all handlers where one is passive, since a guard is the first that knows the
 * handler. A rotation that is due waits for it too: at the load, where that happens otherwise, it would come too early.
 */
export class PassiveGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const request = requestIn(context);
    const state = request && stateOf(request);
    if (state === undefined) return true;
    note(state, demandsOf(context.getHandler() as (...args: never[]) => unknown, context.getClass()).isPassive);
    return rotateBeforeUse(state)?.then(() => true) ?? true;
  }
}

const madePassive = new WeakSet<RequestState>();
const used = new WeakSet<RequestState>();

/** A GraphQL request may lead to several handlers: it only looks if all of them do. */
function note(state: RequestState, isPassive: boolean): void {
  if (!isPassive) {
    used.add(state);
    if (madePassive.has(state)) state.isPassive = false;
  } else if (!state.isPassive && !used.has(state)) {
    madePassive.add(state);
    state.isPassive = true;
  }
}

/** `null`, which Nest skips, where no handler is passive: no request then pays for it. */
export function openPassiveGuard(runtime: SessionRuntime, modules: ModulesContainer): PassiveGuard | null {
  if (!hasPassiveHandlers(modules)) return null;
  runtime.rotatesAtLoad = false;
  return new PassiveGuard();
}

/** Nest has found all controllers and resolvers before it makes the first of them. */
function hasPassiveHandlers(modules: ModulesContainer): boolean {
  const classes = [...modules.values()].flatMap(({ controllers, providers }) => [...controllers.values(), ...providers.values()]);
  return classes.some(({ metatype }) => typeof metatype === 'function' && hasPassiveHandler(metatype));
}

/** Whether a handler of that class only looks. */
export function hasPassiveHandler(target: object & { readonly prototype?: unknown }): boolean {
  if (Reflect.hasMetadata(PASSIVE, target)) return true;
  for (let from = target.prototype; isObject(from) && from !== Object.prototype; from = Object.getPrototypeOf(from))
    if (methodsOf(from).some((method) => Reflect.hasMetadata(PASSIVE, method))) return true;
  return false;
}

function methodsOf(prototype: object): object[] {
  return Object.values(Object.getOwnPropertyDescriptors(prototype)).flatMap(({ value }: PropertyDescriptor) =>
    typeof value === 'function' ? [value as object] : [],
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
