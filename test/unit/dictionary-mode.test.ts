import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from '@jest/globals';
import express from 'express';
import { sessionMiddleware } from '../../src/express.js';
import { TEST_SECRET } from '../support/create-app.js';
import { BlockableStore } from '../support/blockable-store.js';

/** Whether V8 shares the classes of objects whose prototype was set. */
const SHARES_CLASSES = Number.parseInt(process.versions.v8) >= 13;

setFlagsFromString('--allow-natives-syntax');
const isFast = runInNewContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;

class Request extends IncomingMessage {}
class Response extends ServerResponse<Request> {}

describe('the messages of a request with a session', () => {
  const messages = async (prepare: (request: object, response: object) => void, options = {}) => {
    const session = sessionMiddleware({ secret: TEST_SECRET, store: new BlockableStore() });
    const server = createServer(options, (request, response) => {
      prepare(request, response);
      session(request, response, () => response.end([request, response].map(isFast).join()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      return await (await fetch(`http://127.0.0.1:${(server.address() as { port: number }).port}`)).text();
    } finally {
      server.close();
    }
  };
  const asExpress = (request: object, response: object) => {
    Object.setPrototypeOf(request, express.request);
    Object.setPrototypeOf(response, express.response);
  };

  test('of Express are in dictionary mode where V8 would give each a hidden class for each property, and only there', async () => {
    expect(await messages(asExpress)).toBe(SHARES_CLASSES ? 'true,true' : 'false,false');
  });

  test('of plain Node, or of a subclass, are as they were', async () => {
    expect(await messages(() => undefined)).toBe('true,true');
    expect(await messages(() => undefined, { IncomingMessage: Request, ServerResponse: Response })).toBe('true,true');
  });
});
