import { Reflector } from '@nestjs/core';
import { resolveSessionOptions } from '../../src/http/request/session-options.js';
import { SessionRuntime } from '../../src/http/request/session-runtime.js';
import { CsrfGuard, MemorySessionStore } from '../../src/index.js';
import { Sessions } from '../../src/session/sessions.js';

/** A guard without an application around it. */
export function csrfGuard(): CsrfGuard {
  const runtime = new SessionRuntime({
    sessions: Sessions.of(new MemorySessionStore()),
    settings: resolveSessionOptions({ secret: 'x'.repeat(32) }),
    translate: (error) => error,
    warn: () => undefined,
  });
  return new CsrfGuard(new Reflector(), runtime);
}
