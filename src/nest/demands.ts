import 'reflect-metadata';
import { FRESH_LOGIN } from './fresh-login.decorator.js';
import { PASSIVE } from './passive.decorator.js';
import { Public } from './public.decorator.js';
import { ROLES } from './roles.decorator.js';

type Handler = (...args: never[]) => unknown;
type Class = abstract new (...args: never[]) => unknown;

/** What the decorators of a handler come to. */
export interface Demands {
  /** Whether everybody may use it, signed in or not. */
  readonly isOpen: boolean;
  /** One of them is needed; `undefined` for none. */
  readonly roles: readonly string[] | undefined;
  /** For so many seconds a sign-in counts as fresh; `undefined` for any time. */
  readonly freshLogin: number | undefined;
  /** Whether it only looks at the session. */
  readonly isPassive: boolean;
  /** What whoever wrote it should know; `undefined` when it says what it means. */
  readonly warning: string | undefined;
}

/** What stands on one target: the handler, its class, or one of the base classes. */
interface Declaration {
  readonly target: string;
  readonly isPublic: boolean;
  readonly isPassive: boolean;
  readonly roles: readonly string[] | undefined;
  readonly freshLogin: number | undefined;
}

const known = new WeakMap<Handler, Map<Class, Demands>>();

/**
 * Of `@Roles()` and of `@FreshLogin()` the nearest declaration counts, each by itself: that of the handler, of its class, of the base class, and so on.
 * Both hold. `@Public()` lifts what is declared farther out than itself, and nothing on the same target or nearer: what asks for somebody
 * is never undone by a word that may have been inherited.
 */
export function demandsOf(handler: Handler, controller: Class): Demands {
  let byClass = known.get(handler);
  if (byClass === undefined) known.set(handler, (byClass = new Map<Class, Demands>()));
  let demands = byClass.get(controller);
  if (demands === undefined) byClass.set(controller, (demands = workOut(declarationsOf(handler, controller))));
  return demands;
}

/** Whether a class is open to everybody as a whole, whatever its handlers ask for. */
export function isClassOpen(controller: Class): boolean {
  return workOut(declarationsOfClass(controller)).isOpen;
}

function workOut(declarations: readonly Declaration[]): Demands {
  const open = declarations.findIndex(({ isPublic }) => isPublic);
  const counting = open < 0 ? declarations : declarations.slice(0, open + 1);
  const withRoles = counting.find(({ roles }) => roles !== undefined);
  const withFreshLogin = counting.find(({ freshLogin }) => freshLogin !== undefined);
  const asking = withRoles ?? withFreshLogin;
  return {
    isOpen: open >= 0 && asking === undefined,
    roles: withRoles?.roles,
    freshLogin: withFreshLogin?.freshLogin,
    isPassive: declarations.some(({ isPassive }) => isPassive),
    warning: asking && declarations[open] && contradiction(asking, declarations[open]),
  };
}

function contradiction({ target, roles }: Declaration, { target: open }: Declaration): string {
  const demand = roles === undefined ? '@FreshLogin()' : '@Roles()';
  const where = target === open ? `${target} has both ${demand} and @Public()` : `${target} has ${demand}, and ${open} has @Public()`;
  return `${where}. @Public() lifts only what is declared farther out, so SessionGuard asks for a sign-in there. Remove one of the two, or put @Public() on the handlers that are open.`;
}

/** From the nearest to the farthest. */
function declarationsOf(handler: Handler, controller: Class): Declaration[] {
  return [declarationOn(handler, `${controller.name}.${handler.name}()`), ...declarationsOfClass(controller)];
}

function declarationsOfClass(controller: Class): Declaration[] {
  const declarations: Declaration[] = [];
  for (let target: unknown = controller; isClass(target); target = Object.getPrototypeOf(target))
    declarations.push(declarationOn(target, target.name));
  return declarations;
}

function isClass(target: unknown): target is Class {
  return typeof target === 'function' && target !== Function.prototype;
}

function declarationOn(target: Handler | Class, name: string): Declaration {
  const own = (key: unknown): unknown => Reflect.getOwnMetadata(key, target);
  return {
    target: name,
    isPublic: own(Public.KEY) !== undefined,
    isPassive: own(PASSIVE) !== undefined,
    roles: own(ROLES) as readonly string[] | undefined,
    freshLogin: own(FRESH_LOGIN) as number | undefined,
  };
}
