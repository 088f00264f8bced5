import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { stateOf } from '../http/request/request-state.js';
import { requestIn } from '../nest/execution-context.js';
import { ANSWERED_ERRORS } from '../nest/session-answer.filter.js';
import { SessionStoreUnavailableError } from '../redis-session.errors.js';
import { gatewayClassesOf } from './gateways.js';
import { MessageRefusal, refusalOf } from './message-refusal.js';

/** Under which name `@UseFilters()` notes filters on a class. */
const FILTERS = '__exceptionFilters__';
/** What a client of a gateway gets in the place of an answer. */
const EXCEPTION = 'exception';

/** What we use of a socket, of ws or of socket.io. */
interface Client {
  readonly readyState?: unknown;
  send?(text: string): void;
  emit?(event: string, data: object): void;
}

/**
 * Tells the client of a message why that was refused: by the guard, or by what its handler has called and nobody has caught. Nest's own filter knows
 * only exceptions of its own, and on Nest 11 those reach no client of ws.
 */
@Catch(...ANSWERED_ERRORS, MessageRefusal)
class MessageRefusalFilter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    const request = requestIn(host);
    if (error instanceof SessionStoreUnavailableError) (request && stateOf(request))?.transport.runtime.logError(error);
    const refusal = error instanceof MessageRefusal ? error.getError() : refusalOf(error);
    if (refusal !== undefined) tell(host.switchToWs().getClient(), refusal);
  }
}

/** What a client of ws emits only this process hears. */
function tell(client: Client, refusal: object): void {
  if (typeof client.readyState === 'number') client.send?.(JSON.stringify({ event: EXCEPTION, data: refusal }));
  else client.emit?.(EXCEPTION, refusal);
}

const FILTER = new MessageRefusalFilter();

/** Before Nest binds the handlers of the gateways. Filters of an application come first: of those of a class, Nest asks the first one last. */
export function answerRefusals(modules: ModulesContainer): void {
  for (const gateway of gatewayClassesOf(modules)) {
    const filters = (Reflect.getMetadata(FILTERS, gateway) ?? []) as readonly unknown[];
    if (!filters.includes(FILTER)) Reflect.defineMetadata(FILTERS, [FILTER, ...filters], gateway);
  }
}
