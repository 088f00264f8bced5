import { SessionTransport } from '../http/request/session-transport.js';
import { SessionMisuseError } from '../redis-session.errors.js';

/** What comes by a socket: a message, or an operation of GraphQL. Nothing of it can carry a cookie. Its `request` is the one that opened the socket. */
export class SocketTransport extends SessionTransport {
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

  protected translate(error: unknown): unknown {
    return error;
  }
}
