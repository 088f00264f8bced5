import { describe, expect, test } from '@jest/globals';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { resolveSessionOptions } from '../../src/http/session-options.js';
import { SessionRuntime } from '../../src/http/session-runtime.js';
import { CsrfGuard, MemorySessionStore } from '../../src/index.js';

class Resolver {
  query(): void {}
}

const runtime = new SessionRuntime({
  store: new MemorySessionStore(),
  settings: resolveSessionOptions({ secret: 'x'.repeat(32) }),
  translate: (error) => error,
  warn: () => undefined,
});
const guard = new CsrfGuard(new Reflector(), runtime);
const CROSS_SITE = { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } };

function contextOf(type: string, ...args: unknown[]): ExecutionContextHost {
  const context = new ExecutionContextHost(args, Resolver, Resolver.prototype.query);
  context.setType(type);
  return context;
}

describe('CsrfGuard, where the request is not that of a controller', () => {
  test('looks at the request in a GraphQL context', () => {
    expect(() => guard.canActivate(contextOf('graphql', {}, {}, { req: CROSS_SITE }, {}))).toThrow(/not known to come from a page/);
    expect(guard.canActivate(contextOf('graphql', {}, {}, { req: { method: 'POST', headers: {} } }, {}))).toBe(true);
  });

  test.each([[{}], [undefined]])('refuses a GraphQL context without a request, %p, and says what to do', (context) => {
    expect(() => guard.canActivate(contextOf('graphql', {}, {}, context, {}))).toThrow(/Put it there as "req"/);
  });

  test.each(['ws', 'rpc'])('lets a message pass (%s), which has none', (type) => {
    expect(guard.canActivate(contextOf(type, CROSS_SITE, {}))).toBe(true);
  });
});
