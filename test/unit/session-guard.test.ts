import { describe, expect, test } from '@jest/globals';
import { Reflector } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Public, SessionGuard, type Identity } from '../../src/index.js';

class Handlers {
  closed(): void {}

  @Public()
  open(): void {}
}

function contextOf(type: string, args: unknown[], handler = Handlers.prototype.closed): ExecutionContextHost {
  const context = new ExecutionContextHost(args, Handlers, handler);
  context.setType(type);
  return context;
}

/** What Nest gives a guard in the place of the request. */
const PLACES: [type: string, args: unknown[]][] = [
  ['rpc', [{ text: 'a message' }, {}]],
  ['rpc', ['a message', {}]],
  ['rpc', ['', {}]],
  ['rpc', [null, {}]],
  ['ws', [{ send: () => undefined }, {}]],
  ['graphql', [undefined, {}, { req: {} }, {}]],
  ['graphql', [{ id: 'a parent' }, {}, { req: {} }, {}]],
  ['graphql', [undefined, {}, { user: {} }, {}]],
  ['graphql', [undefined, {}, 'a context', {}]],
  ['graphql', [undefined, {}, undefined, {}]],
];

function reasonOf(type: string): string {
  if (type === 'graphql') return 'There is no request with a session in the context of this GraphQL operation. See that';
  if (type === 'ws') return 'This message has no session: nobody has checked the handshake of its socket. Put SessionSockets';
  if (type === 'rpc') return 'A message of a microservice brings no session. Send the handle and the user id of the sender along';
  return `There is no session in a context of type "${type}": sessions are those of HTTP requests. Keep SessionGuard`;
}

describe.each(PLACES)('SessionGuard in a context of type %s, %p', (type, args) => {
  test('lets nobody pass, and says that there is no session and what to do', async () => {
    await expect(new SessionGuard(new Reflector()).canActivate(contextOf(type, args))).rejects.toThrow(reasonOf(type));
  });

  test('lets everybody pass where the handler is public', async () => {
    await expect(new SessionGuard(new Reflector()).canActivate(contextOf(type, args, Handlers.prototype.open))).resolves.toBe(true);
  });

  test('answers 401 where a subclass finds nobody in its own way', async () => {
    class TokenGuard extends SessionGuard {
      protected override identityOf(): Identity | undefined {
        return undefined;
      }
    }
    const refused = type === 'graphql' ? { extensions: { code: 'UNAUTHENTICATED' } } : { code: 'SESSION_REQUIRED' };
    await expect(new TokenGuard(new Reflector()).canActivate(contextOf(type, args))).rejects.toMatchObject(refused);
  });
});
