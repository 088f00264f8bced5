import { createParamDecorator } from '@nestjs/common';
import type { Identity as StoredIdentity } from '../session/identity.js';
import type { NamedParameter } from './named-parameter.js';
import { identityIn } from '../http/request/session-access.js';
import { stateIn } from './execution-context.js';

/**
 * Who is signed in, or with a name one field of it: `@Identity() who: Identity`, `@Identity('id') id: string`.
 *
 * `undefined` for nobody, so on a `@Public()` route, and wherever no `SessionGuard` stands before it, type it so: `@Identity() who: Identity | undefined`.
 * TypeScript cannot: a parameter decorator has no say in the type of its parameter.
 *
 * Answers 503 when the session could not be loaded.
 *
 * @publicApi
 */
export const Identity = createParamDecorator((name: string | undefined, context) => {
  const identity = identityIn(stateIn(context));
  if (name === undefined || identity === undefined) return identity;
  return Object.hasOwn(identity, name) ? (identity as unknown as Record<string, unknown>)[name] : undefined;
}) as NamedParameter;

/**
 * Who is signed in. Only `id` is required; give your own fields a type by declaration merging:
 *
 * ```ts
 * declare module 'nestjs-redis-session' {
 *   interface Identity {
 *     roles: string[];
 *   }
 * }
 * ```
 *
 * @publicApi
 */
export interface Identity extends StoredIdentity {}
