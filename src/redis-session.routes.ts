import { RequestMethod } from '@nestjs/common';
import { ALL_ROUTES, type SessionRoutes } from './redis-session.module-definition.js';

type Route = SessionRoutes['forRoutes'][number];
type Excluded = SessionRoutes['exclude'][number];

/**
 * What two modules both serve, for a sentence; `undefined` where nothing is, or where it cannot be known from these options: what a pattern matches
 * depends on the routes that there are.
 */
export function servedByBoth(one: SessionRoutes, other: SessionRoutes): string | undefined {
  if (servesAll(one) && servesAll(other)) return one.exclude.length === 0 || other.exclude.length === 0 ? 'all routes' : undefined;
  const excluded = [...one.exclude, ...other.exclude];
  for (const [{ forRoutes }, second] of [
    [one, other],
    [other, one],
  ] as const)
    for (const route of servesAll({ forRoutes }) ? [] : forRoutes)
      if (isServed(route, second) && !isExcluded(route, excluded)) return `the same route (${nameOf(route)})`;
  return undefined;
}

/** Whether one of two modules guards the whole application, also the routes that the other serves. */
export function isRefusedByGlobalGuard(one: SessionRoutes, other: SessionRoutes): boolean {
  return (one.globalGuard && other.forRoutes.length > 0) || (other.globalGuard && one.forRoutes.length > 0);
}

function servesAll({ forRoutes }: Pick<SessionRoutes, 'forRoutes'>): boolean {
  return forRoutes === ALL_ROUTES;
}

function isServed(route: Route, by: SessionRoutes): boolean {
  if (servesAll(by)) return true;
  const path = literalOf(route);
  return by.forRoutes.some((served) => served === route || (path !== undefined && path === literalOf(served) && haveMethod(route, served)));
}

/** Where in doubt, it is: an exclusion that begins as the route does, or with a pattern, may be meant for it; and that of a controller is not known. */
function isExcluded(route: Route, excluded: readonly Excluded[]): boolean {
  const path = literalOf(route);
  if (path === undefined) return excluded.length > 0;
  return excluded.some((one) => {
    const begin = beginOf(pathOf(one));
    return begin.startsWith(path) || path.startsWith(begin);
  });
}

function haveMethod(...routes: Route[]): boolean {
  const methods = routes.map((route) => (typeof route === 'object' ? route.method : RequestMethod.ALL));
  return methods.includes(RequestMethod.ALL) || new Set(methods).size === 1;
}

/** The path of a route that is no pattern and no controller. */
function literalOf(route: Route): string | undefined {
  if (typeof route === 'function' || (typeof route === 'object' && route.version !== undefined)) return undefined;
  const path = pathOf(route);
  return beginOf(path) === path ? path : undefined;
}

function pathOf(route: Exclude<Route, (...args: never[]) => unknown> | Excluded): string {
  const path = typeof route === 'string' ? route : (route as { readonly path: string }).path;
  return path.replaceAll(/^\/+|\/+$/g, '');
}

/** Up to where a pattern of path-to-regexp begins. */
function beginOf(path: string): string {
  return /^[^:*{}()[\]+?!\\]*/.exec(path)?.[0] ?? '';
}

function nameOf(route: Route): string {
  return typeof route === 'function' ? route.name : JSON.stringify(pathOf(route));
}
