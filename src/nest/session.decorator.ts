import { createParamDecorator } from '@nestjs/common';
import { readEntry } from '../http/request/session-proxy.js';
import type { NamedParameter } from './named-parameter.js';
import { httpSessionIn } from '../http/request/session-access.js';
import { stateIn } from './execution-context.js';
import { answeringIn } from './operation-errors.js';

/**
 * Gives you the session of the request, or one of its entries: `@Session() session: HttpSession`, `@Session('cart') cart?: Item[]`.
 *
 * Answers 503 if the session couldn't be loaded. (`@nestjs/common` has a `Session` of its own, which knows neither entries nor outages.)
 *
 * @publicApi
 */
export const Session = createParamDecorator((name: string | undefined, context) =>
  answeringIn(context, () => {
    const session = httpSessionIn(stateIn(context));
    return name === undefined || session === undefined ? session : readEntry(session, name);
  }),
) as NamedParameter;
