import type { ModulesContainer } from '@nestjs/core';
import { hasPassiveHandler, PassiveGuard } from '../nest/passive.guard.js';
import { gatewayClassesOf } from './gateways.js';
import { MessageRefusalFilter } from './message-refusal.filter.js';

/** Under which names `@UseFilters()` and `@UseGuards()` note what they are given. */
const FILTERS = '__exceptionFilters__';
const GUARDS = '__guards__';

const FILTER = new MessageRefusalFilter();
const GUARD = new PassiveGuard();

/**
 * Puts on each gateway what Nest does not put there for the whole application: filters never, guards not on Nest 11. To be done before Nest binds the
 * handlers. Of the filters of a class Nest asks the first one last, so those of the application come before ours.
 */
export function enhanceGateways(modules: ModulesContainer): void {
  for (const gateway of gatewayClassesOf(modules)) {
    putFirst(FILTERS, FILTER, gateway);
    if (hasPassiveHandler(gateway)) putFirst(GUARDS, GUARD, gateway);
  }
}

function putFirst(name: string, enhancer: object, gateway: object): void {
  const present = (Reflect.getMetadata(name, gateway) ?? []) as readonly unknown[];
  if (!present.includes(enhancer)) Reflect.defineMetadata(name, [enhancer, ...present], gateway);
}
