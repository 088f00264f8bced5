import { WsException } from '@nestjs/websockets';
import { errorResponseOf } from '../http/response/error-response.js';
import { SessionTransport } from '../http/request/session-transport.js';
import { SessionHttpException } from '../nest/http-exceptions.js';
import { RedisSessionError, SessionMisuseError } from '../redis-session.errors.js';
import type { SocketRefusal } from './socket-refusal.js';

/** A message of a socket. Nothing of it can carry a cookie. Its `request` is the one that opened the socket. */
export class MessageTransport extends SessionTransport {
  override readonly isWithoutResponse = true;
  readonly hasResponseBegun = true;
  readonly isHeadOut = true;
  readonly hasEnded = false;
  readonly canBeginSession = false;
  readonly canBeAnswered = true;

  takesNewSid(): boolean {
    throw new SessionMisuseError(
      'An identity was put into the session by a message of a socket. The new id that such a session gets cannot be sent there, so none of the changes was stored. Sign in by an HTTP request.',
    );
  }

  watchClient(): void {
    // What a message changes is stored by session.save() and nothing else.
  }

  expose(): void {
    // There is no request of its own that could have the session.
  }

  errorFor(error: unknown): unknown {
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
