import type { IncomingMessage } from 'node:http';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { GraphQLModule } from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { SessionSubscriptions, type SubscriptionOptions } from '../../src/index.js';
import type { Answer, Browser } from './browser.js';
import { frameworkVariants, type HarnessOptions, type Variant } from './variants.js';

/** What the tests set of a GraphQL server. */
export interface GraphqlOptions {
  context?: ((context: { req: IncomingMessage }) => object) | undefined;
  /** For the handshakes of subscriptions, as `SessionSubscriptions` has it for that server. */
  handshakes?: SubscriptionOptions | undefined;
}

/** A GraphQL server as Nest runs it, with a schema made from the resolvers. */
export interface GraphqlServer {
  readonly name: string;
  /** How to run the session module below it. */
  readonly variants: readonly Variant[];
  application(options?: GraphqlOptions): Pick<HarnessOptions, 'imports'>;
}

/** Every server. */
export const graphqlServers: readonly GraphqlServer[] = [
  {
    name: 'Apollo',
    variants: frameworkVariants,
    application: ({ context, handshakes } = {}) => ({
      imports: [
        GraphQLModule.forRootAsync<ApolloDriverConfig>({
          driver: ApolloDriver,
          inject: [SessionSubscriptions],
          useFactory: (subscriptions: SessionSubscriptions) => ({
            autoSchemaFile: true,
            allowBatchedHttpRequests: true,
            graphiql: false,
            subscriptions: { 'graphql-ws': handshakes === undefined ? true : { onConnect: subscriptions.onConnect(handshakes) } },
            // On Fastify it is called with the request itself.
            ...(context && {
              context: (given: IncomingMessage | { req: IncomingMessage }) => context({ req: 'req' in given ? given.req : given }),
            }),
          }),
        }),
      ],
    }),
  },
  {
    name: 'mercurius',
    variants: frameworkVariants.filter(({ platform }) => platform === 'fastify'),
    application: ({ context, handshakes } = {}) => ({
      imports: [
        GraphQLModule.forRootAsync<MercuriusDriverConfig>({
          driver: MercuriusDriver,
          inject: [SessionSubscriptions],
          useFactory: (subscriptions: SessionSubscriptions) => ({
            autoSchemaFile: true,
            allowBatchedQueries: true,
            graphiql: false,
            subscription: { fullWsTransport: true, ...(handshakes && { verifyClient: subscriptions.verifyClient(handshakes) }) },
            ...(context && { context: (req: IncomingMessage) => context({ req }) }),
          }),
        }),
      ],
    }),
  },
];

/** An answer of a GraphQL server, and the response that it came in. */
export interface GraphqlAnswer extends GraphqlResult {
  readonly response: Answer;
}

export interface GraphqlResult {
  // eslint-disable-next-line typescript/no-explicit-any -- a test says what it expects of the data by asserting it
  readonly data?: any;
  readonly errors?: readonly { readonly message: string; readonly extensions: Record<string, unknown> }[];
}

/** Sends an operation. */
export async function operate(browser: Browser, query: string, headers: Record<string, string> = {}): Promise<GraphqlAnswer> {
  const response = await browser.post('/graphql', { query }, headers);
  return { ...(response.json as GraphqlResult), response };
}

/** Sends several in one request. */
export async function operateTogether(browser: Browser, queries: readonly string[]): Promise<readonly GraphqlResult[]> {
  const { json } = await browser.post(
    '/graphql',
    queries.map((query) => ({ query })),
  );
  return json as GraphqlResult[];
}

/** What the client learns of the first error. */
export function errorIn({ errors }: GraphqlResult): { message: string; extensions: Record<string, unknown> } | undefined {
  const [first] = errors ?? [];
  return first && { message: first.message, extensions: first.extensions };
}
