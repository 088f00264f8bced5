import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import type { DynamicModule } from '@nestjs/common';
import { GraphQLModule } from '@nestjs/graphql';
import type { Answer, Browser } from './browser.js';

/** What the tests set of a GraphQL server, under the names that drivers have for it. */
export type GraphqlOptions = Pick<ApolloDriverConfig, 'context' | 'fieldResolverEnhancers' | 'path'>;

/** A GraphQL server as Nest runs it, with a schema made from the resolvers. */
export interface GraphqlServer {
  readonly name: string;
  module(options?: GraphqlOptions): DynamicModule;
}

/** Every server. */
export const graphqlServers: readonly GraphqlServer[] = [
  {
    name: 'Apollo',
    module: (options) =>
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        allowBatchedHttpRequests: true,
        graphiql: false,
        ...options,
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
