import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { stateOf } from '../http/request/request-state.js';
import { requestIn } from '../nest/execution-context.js';
import { ANSWERED_ERRORS } from '../nest/session-answer.filter.js';
import { SessionStoreUnavailableError } from '../redis-session.errors.js';
import { MessageRefusal, refusalOf } from './message-refusal.js';

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
export class MessageRefusalFilter implements ExceptionFilter {
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
