import type { IncomingMessage } from 'node:http';
import { resolveSessionOptions, type SessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { SessionTransport } from '../../src/http/request/session-transport.js';
import type { Clock } from '../../src/session/clock.js';
import type { SessionStore } from '../../src/session/store/session-store.js';
import { TEST_SECRET } from './create-app.js';
import { Sessions } from '../../src/session/sessions.js';

interface StubOptions extends Partial<SessionOptions> {
  readonly request?: IncomingMessage | undefined;
  readonly clock?: Clock | undefined;
}

/** A transport without a response: what the client can still be told is what a test says. */
export class StubTransport extends SessionTransport {
  hasResponseBegun = false;
  isHeadOut = false;
  hasEnded = false;
  canBeginSession = true;
  canBeAnswered = true;
  isWatched = false;

  constructor(store: SessionStore, { request, clock, ...options }: StubOptions = {}) {
    const settings = resolveSessionOptions({ secret: TEST_SECRET, ...options });
    const runtime = new SessionRuntime({
      sessions: Sessions.of(store),
      settings,
      translate: (error) => error,
      warn: () => undefined,
      clock,
    });
    super(runtime, request ?? ({ headers: {}, socket: {} } as IncomingMessage));
  }

  takesNewSid(): boolean {
    return true;
  }

  watchClient(): void {
    this.isWatched = true;
  }

  expose(): void {
    // Code that has the state needs no property of a request.
  }

  protected translate(error: unknown): unknown {
    return error;
  }
}
