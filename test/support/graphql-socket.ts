import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Browser } from './browser.js';
import type { GraphqlResult } from './graphql-app.js';
import { until } from './until.js';

/** How a WebSocket was closed. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** An operation over a WebSocket, as its client sees it. */
export interface Operation {
  readonly results: GraphqlResult[];
  /** What ended it: a list of GraphQL errors, or the close event of a socket that the client gives up; `undefined` while it goes on, or once it is complete. */
  readonly error: unknown;
  readonly isComplete: boolean;
}

/** A client of graphql-ws. It connects at once, and again where the protocol lets it. */
export class GraphqlSocket {
  readonly closed: Closed[] = [];
  /** How often the server has let it in. */
  acknowledged = 0;
  readonly #client: Client;

  private constructor(origin: string, headers: Record<string, string>, connectionParams?: Record<string, unknown>) {
    class WithHeaders extends WebSocket {
      constructor(url: string, protocols: string | string[]) {
        super(url, protocols, { headers });
      }
    }
    this.#client = createClient({
      url: `${origin.replace('http', 'ws')}/graphql`,
      webSocketImpl: WithHeaders,
      // Also after a handshake that was answered by HTTP. After a code of the protocol that is fatal, it does not connect again all the same.
      shouldRetry: () => true,
      retryAttempts: Infinity,
      retryWait: () => new Promise((resolve) => setTimeout(resolve, 20)),
      lazy: false,
      onNonLazyError: () => undefined,
      ...(connectionParams && { connectionParams }),
    });
    this.#client.on('connected', () => this.acknowledged++);
    this.#client.on('closed', (event) => {
      const { code, reason } = event as Closed;
      this.closed.push({ code, reason });
    });
  }

  /** With the cookies of a browser, from a page of the origin that it asks, unless the headers say something else. */
  static async of(browser: Browser, origin: string, headers: Record<string, string> = {}, params?: Record<string, unknown>) {
    const cookie = await browser.jar.getCookieString(origin);
    return new GraphqlSocket(origin, { origin, ...(cookie === '' ? {} : { cookie }), ...headers }, params);
  }

  begin(query: string): Operation {
    const operation = { results: [] as GraphqlResult[], error: undefined as unknown, isComplete: false };
    this.#client.subscribe(
      { query },
      {
        next: (result) => void operation.results.push(result as GraphqlResult),
        error: (error) => (operation.error = error),
        complete: () => (operation.isComplete = true),
      },
    );
    return operation;
  }

  /** What becomes of a query, a mutation, or a subscription that is refused. */
  operate(query: string): Promise<GraphqlResult> {
    return answerTo(this.begin(query));
  }

  async leave(): Promise<void> {
    await this.#client.dispose();
  }
}

/** What ended an operation: the close event of a socket that its client gives up. */
export async function endOf(operation: Operation): Promise<unknown> {
  await until(() => operation.error !== undefined, 'the operation has ended');
  return operation.error;
}

/** The first answer to an operation: its first result, or what refuses it, which servers send as an error or as a result. */
async function answerTo(operation: Operation): Promise<GraphqlResult> {
  await until(() => operation.results.length > 0 || operation.error !== undefined, 'the operation has an answer');
  return operation.results[0] ?? { errors: operation.error as NonNullable<GraphqlResult['errors']> };
}
