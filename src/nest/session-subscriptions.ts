import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { SessionRuntime } from '../http/request/session-runtime.js';
import { RefusedHandshake } from '../sockets/socket-refusal.js';
import { closeRefused, openOperationSocket, refusalOf, type OperationSocket } from './operation-sockets.js';

/**
 * Who may open a WebSocket for GraphQL.
 *
 * @publicApi
 */
export interface SubscriptionOptions {
  /**
   * Whether everybody may, signed in or not. Visitors then get at subscriptions with `@Public()`.
   *
   * @default false
   */
  open?: boolean | undefined;
}

/** What graphql-ws gives `onConnect`, as far as it is needed. */
interface ConnectContext {
  readonly extra: unknown;
}

/** What ws gives `verifyClient`, as far as it is needed. */
interface ClientInfo {
  readonly req: IncomingMessage;
}

type Verified = (isRight: boolean, status?: number, body?: string, headers?: Record<string, string>) => void;

/**
 * Refuses the WebSockets of GraphQL subscriptions before they are of any use: those of visitors, and those that a page of another site
 * opens. Inject it where you configure `GraphQLModule`. Without it, `SessionGuard` does the same at each subscription.
 *
 * @publicApi
 */
@Injectable()
export class SessionSubscriptions {
  readonly #runtime: SessionRuntime;

  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime;
  }

  /**
   * For `subscriptions: { 'graphql-ws': { onConnect } }` of `@nestjs/apollo`. Closes sockets that it refuses with 4401 and a word that says
   * why, and the client doesn't connect again; in an outage with 1013, and it does. Resolves with whether the socket is let in, so that your
   * own `onConnect` can call it.
   */
  onConnect({ open = false }: SubscriptionOptions = {}): (context: ConnectContext) => Promise<boolean> {
    return async ({ extra }) => {
      const { request: handshake, socket } = extra as { readonly request: IncomingMessage; readonly socket: OperationSocket };
      const refusal = refusalOf(await openOperationSocket({ handshake, socket }, this.#runtime), open);
      if (refusal !== undefined) closeRefused(socket, refusal);
      return refusal === undefined;
    };
  }

  /**
   * For `subscription: { verifyClient }` of `@nestjs/mercurius`. Answers handshakes that it refuses with 401, 403 or, in an outage, 503.
   */
  verifyClient({ open = false }: SubscriptionOptions = {}): (info: ClientInfo, done: Verified) => void {
    return ({ req: handshake }, done) => {
      void openOperationSocket({ handshake, socket: undefined }, this.#runtime).then((found) => {
        const refusal = refusalOf(found, open);
        if (refusal === undefined) return done(true);
        const { body, headers } = found instanceof RefusedHandshake ? found : new RefusedHandshake(refusal);
        done(false, refusal.status, body, { ...headers, 'Content-Type': 'application/json; charset=utf-8' });
      });
    };
  }
}
