import codegenie from '@codegenie/serverless-express';
import { describe, expect, test } from '@jest/globals';
import vendia from '@vendia/serverless-express';
import { sessionMiddleware } from '../../src/express.js';
import { TEST_SECRET } from '../support/create-app.js';
import { BlockableStore } from '../support/blockable-store.js';
import { plainExpress } from '../support/plain-app.js';

interface LambdaAnswer {
  readonly statusCode: number;
  readonly body: string;
  readonly cookies?: readonly string[];
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
}

type Lambda = (event: object, context: object) => Promise<LambdaAnswer>;
type Wrap = (options: { app: unknown }) => Lambda;

const WRAPPERS = [
  ['@codegenie/serverless-express', codegenie as unknown as Wrap],
  ['@vendia/serverless-express', vendia as unknown as Wrap],
] as const;

/** An event as API Gateway makes it of a request for `/`, in its newer and its older form. */
const EVENTS: [string, (cookie?: string) => object][] = [
  [
    'version 2.0',
    (cookie) => ({
      version: '2.0',
      rawPath: '/',
      rawQueryString: '',
      headers: { host: 'shop.example.test' },
      ...(cookie === undefined ? {} : { cookies: [cookie] }),
      requestContext: { http: { method: 'GET', path: '/', sourceIp: '192.0.2.1' }, domainName: 'shop.example.test' },
      isBase64Encoded: false,
    }),
  ],
  [
    'version 1.0',
    (cookie) => ({
      httpMethod: 'GET',
      path: '/',
      multiValueHeaders: { host: ['shop.example.test'], ...(cookie === undefined ? {} : { cookie: [cookie] }) },
      requestContext: { identity: { sourceIp: '192.0.2.1' } },
      isBase64Encoded: false,
    }),
  ],
];

describe.each(WRAPPERS)('behind %s', (_name, wrap) => {
  test.each(EVENTS)('an event of API Gateway, %s, is answered with body and cookie', async (_, eventWith) => {
    const store = new BlockableStore();
    const session = sessionMiddleware({ secret: TEST_SECRET, store });
    const app = plainExpress(session, {
      '/': (request, response) => {
        request.session['visits'] = Number(request.session['visits'] ?? 0) + 1;
        response.json({ visits: request.session['visits'] as number });
      },
    });
    const lambda = wrap({ app });
    const first = await lambda(eventWith(), {});
    const [cookie = '', ...more] = first.cookies ?? first.multiValueHeaders?.['set-cookie'] ?? [];
    expect([first.statusCode, first.body, more]).toEqual([200, '{"visits":1}', []]);
    expect(cookie).toMatch(/^sid=s%3A/);
    const second = await lambda(eventWith(cookie.split(';', 1)[0]), {});
    expect([second.statusCode, second.body]).toEqual([200, '{"visits":2}']);
    expect(store.writes).toEqual(['create', 'save']);
  });
});
