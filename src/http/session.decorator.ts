import { createParamDecorator } from '@nestjs/common';
import { readSession } from './session-proxy.js';
import type { NamedParameter } from './named-parameter.js';
import { sessionOf } from './request-context.js';

/**
 * The session of the request, or with a name one of its entries: `@Session() session: HttpSession`, `@Session('cart') cart?: Item[]`.
 *
 * Answers 503 when the session could not be loaded. (`@nestjs/common` has a `Session` of its own, which knows no names and no outage.)
 *
 * @publicApi
 */
export const Session: NamedParameter = createParamDecorator((name: string | undefined, context) => {
  const session = sessionOf(context);
  return name === undefined || session === undefined ? session : readSession(session, name);
});
