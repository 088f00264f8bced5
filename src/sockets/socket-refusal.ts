import { STATUS_CODES } from 'node:http';
import { errorResponseOf, INTERNAL_ERROR } from '../http/response/error-response.js';
import { GUARD_ANSWERS } from '../http/response/guard-answers.js';

/** What the client of a socket learns when it is refused, or one of its messages is. */
export interface SocketRefusal {
  /** The HTTP status that says the same. */
  readonly status: number;
  /** A stable word to switch on: a `RedisSessionErrorCode`, or one of the guard's. */
  readonly code: string;
  /** A stable word to switch on, within one `code`. */
  readonly reason?: string | undefined;
  readonly message: string;
}

/** Refuses a handshake. `headers`: for a response by HTTP. */
export class RefusedHandshake {
  constructor(
    readonly refusal: SocketRefusal,
    readonly headers: Readonly<Record<string, string>> = {},
    /** The error behind it; `undefined` where there is none. */
    readonly cause?: unknown,
  ) {}

  static signedOut(reason: string | undefined): RefusedHandshake {
    const [status, message, code] = GUARD_ANSWERS.signedOut;
    return new RefusedHandshake({ status, code, ...(reason === undefined ? {} : { reason }), message });
  }

  /** Of a fault of the application the client learns nothing. */
  static by(error: unknown): RefusedHandshake {
    const { statusCode, code = 'INTERNAL_ERROR', reason, message, headers } = errorResponseOf(error) ?? INTERNAL_ERROR;
    return new RefusedHandshake({ status: statusCode, code, ...(reason === undefined ? {} : { reason }), message }, headers, error);
  }

  /** As an HTTP response has it. */
  get body(): string {
    const { status: statusCode, ...others } = this.refusal;
    return JSON.stringify({ statusCode, error: STATUS_CODES[statusCode], ...others });
  }
}
