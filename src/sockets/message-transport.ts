import { MessageRefusal, refusalOf } from './message-refusal.js';
import { SocketTransport } from './socket-transport.js';

/** A message of a gateway, whose errors Nest tells its client. */
export class MessageTransport extends SocketTransport {
  protected override translate(error: unknown): unknown {
    const refusal = refusalOf(error);
    return refusal === undefined ? error : new MessageRefusal(refusal);
  }
}
