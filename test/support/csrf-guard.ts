import { Reflector } from '@nestjs/core';
import { resolveSessionOptions } from '../../src/http/session-options.js';
import { SessionRuntime } from '../../src/http/session-runtime.js';
import { CsrfGuard, MemorySessionStore } from '../../src/index.js';

/** A guard without an application around it. */
export function csrfGuard(): CsrfGuard {
  const runtime = new SessionRuntime({
    store: new MemorySessionStore(),
    settings: resolveSessionOptions({ secret: 'x'.repeat(32) }),
    translate: (error) => error,
    warn: () => undefined,
  });
  return new CsrfGuard(new Reflector(), runtime);
}
