import { describe, expect, test } from '@jest/globals';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { csrfGuard } from '../support/csrf-guard.js';

class Resolver {
  query(): void {}
}

const guard = csrfGuard();
const CROSS_SITE = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } };

function contextOf(type: string, ...args: unknown[]): ExecutionContextHost {
  const context = new ExecutionContextHost(args, Resolver, Resolver.prototype.query);
  context.setType(type);
  return context;
}

describe('CsrfGuard, where the request is not that of a controller', () => {
  test('looks at the request in a GraphQL context', () => {
    expect(() => guard.canActivate(contextOf('graphql', {}, {}, { req: CROSS_SITE }, {}))).toThrow(/may come from a page of another site/);
    expect(guard.canActivate(contextOf('graphql', {}, {}, { req: { method: 'POST', headers: {} } }, {}))).toBe(true);
  });

  test.each([[{}], [undefined]])('refuses a GraphQL context without a request, %p, and says what to do', (context) => {
    expect(() => guard.canActivate(contextOf('graphql', {}, {}, context, {}))).toThrow(/keep it as "req"/);
  });

  test.each(['ws', 'rpc'])('lets a message pass (%s), which has none', (type) => {
    expect(guard.canActivate(contextOf(type, CROSS_SITE, {}))).toBe(true);
  });
});

describe('CsrfGuard, where a WebSocket is opened over HTTP/2', () => {
  const connect = (origin: string) => ({ method: 'CONNECT', headers: { ':protocol': 'websocket', host: 'shop.example', origin } });

  test.each([
    ['https://shop.example', true],
    ['https://blog.shop.example', false],
  ])('looks at Origin: %s passes: %p', (origin, passes) => {
    const call = () => guard.canActivate(contextOf('http', connect(origin), {}));
    if (passes) expect(call()).toBe(true);
    else expect(call).toThrow(/may come from a page of another site/);
  });

  test('passes where the browser says that it is of this origin', () => {
    const request = connect('https://shop.example');
    const headers = { ...request.headers, host: 'inner:3000', 'sec-fetch-site': 'same-origin' };
    expect(guard.canActivate(contextOf('http', { ...request, headers }, {}))).toBe(true);
  });
});
