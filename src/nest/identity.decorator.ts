import { createParamDecorator } from '@nestjs/common';
import type { Identity as StoredIdentity } from '../session/identity.js';
import type { NamedParameter } from './named-parameter.js';
import { identityIn } from '../http/request/session-access.js';
import { stateIn } from './execution-context.js';
import { answeringIn } from './operation-errors.js';

/**
 * Gives you who is signed in, or one field of it: `@Identity() who: Identity`, `@Identity('id') id: string`.
 *
 * It is `undefined` for visitors. So on a `@Public()` route, and without a `SessionGuard`, type it `@Identity() who: Identity | undefined`;
 * TypeScript can't do that for you.
 *
 * Answers 503 if the session couldn't be loaded.
 *
 * @publicApi
 */
export const Identity = createParamDecorator((name: string | undefined, context) => {
  const identity = answeringIn(context, () => identityIn(stateIn(context)));
  if (name === undefined || identity === undefined) return identity;
  return Object.hasOwn(identity, name) ? (identity as unknown as Record<string, unknown>)[name] : undefined;
}) as NamedParameter;

/**
 * Who is signed in. Only `id` is required. Declare your own fields:
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
