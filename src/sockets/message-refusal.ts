import { WsException } from '@nestjs/websockets';
import { errorResponseOf } from '../http/response/error-response.js';
import { SessionHttpException } from '../nest/http-exceptions.js';
import type { SocketRefusal } from './socket-refusal.js';

/** Why a message was refused, as Nest's exception filters of gateways receive it. */
export class MessageRefusal extends WsException {
  override getError(): SocketRefusal {
    return super.getError() as SocketRefusal;
  }
}

/** What the client learns of an error; `undefined` for a fault of the application. */
export function refusalOf(error: unknown): SocketRefusal | undefined {
  if (error instanceof SessionHttpException) {
    const { code, reason, message } = error;
    return { status: error.getStatus(), code, ...(reason === undefined ? {} : { reason }), message };
  }
  const { statusCode, code, reason, message } = errorResponseOf(error) ?? {};
  if (statusCode === undefined || code === undefined || message === undefined) return undefined;
  return { status: statusCode, code, ...(reason === undefined ? {} : { reason }), message };
}
