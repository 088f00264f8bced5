import { createParamDecorator } from '@nestjs/common';
import { readEntry } from '../http/request/session-proxy.js';
import type { NamedParameter } from './named-parameter.js';
import { httpSessionIn } from '../http/request/session-access.js';
import { stateIn } from './execution-context.js';

/**
 * The session of the request, or with a name one of its entries: `@Session() session: HttpSession`, `@Session('cart') cart?: Item[]`.
 *
 * Answers 503 when the session could not be loaded. (`@nestjs/common` has a `Session` of its own, which knows no names and no outage.)
 *
 * @publicApi
 */
export const Session = createParamDecorator((name: string | undefined, context) => {
  const session = httpSessionIn(stateIn(context));
  return name === undefined || session === undefined ? session : readEntry(session, name);
}) as NamedParameter;
