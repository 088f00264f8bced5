import { WsException } from '@nestjs/websockets';
import { errorResponseOf } from '../http/response/error-response.js';
import { SessionHttpException } from '../nest/http-exceptions.js';
import { RedisSessionError } from '../redis-session.errors.js';
import type { SocketRefusal } from './socket-refusal.js';
import { SocketTransport } from './socket-transport.js';

/** A message of a gateway, whose errors Nest tells its client. */
export class MessageTransport extends SocketTransport {
  protected override translate(error: unknown): unknown {
    const refusal = refusalOf(error);
    return refusal === undefined ? error : new WsException(refusal);
  }
}

/** What the client learns of an error; `undefined` for a fault of the application. */
function refusalOf(error: unknown): SocketRefusal | undefined {
  if (error instanceof SessionHttpException) {
    const { code, reason, message } = error;
    return { status: error.getStatus(), code, ...(reason === undefined ? {} : { reason }), message };
  }
  const { statusCode, code, reason, message } = (error instanceof RedisSessionError ? errorResponseOf(error) : undefined) ?? {};
  if (statusCode === undefined || code === undefined || message === undefined) return undefined;
  return { status: statusCode, code, ...(reason === undefined ? {} : { reason }), message };
}
