import type { ModulesContainer } from '@nestjs/core';
import { isClassOpen } from '../nest/demands.js';

/** Under which names `@WebSocketGateway()` notes what it was given; @nestjs/websockets does not export them. */
const GATEWAY = 'websockets:is_gateway';
const OPTIONS = 'websockets:gateway_options';
const PORT = 'port';

type Class = abstract new (...args: never[]) => unknown;

/** Where a gateway listens. */
interface Gateway {
  readonly port: number;
  readonly path: string | undefined;
  /** With a leading slash; `/` for none. */
  readonly namespace: string | RegExp;
  /** Whether it is open to everybody: `@Public()` on its class. */
  readonly isOpen: boolean;
}

/** The classes of an application's gateways. */
export function gatewayClassesOf(modules: ModulesContainer): ReadonlySet<Class> {
  const classes = new Set<Class>();
  for (const { providers } of modules.values())
    for (const { metatype } of providers.values())
      if (typeof metatype === 'function' && Reflect.hasMetadata(GATEWAY, metatype)) classes.add(metatype as Class);
  return classes;
}

/** The gateways of an application. */
export function gatewaysOf(modules: ModulesContainer): readonly Gateway[] {
  return [...gatewayClassesOf(modules)].map((one) => {
    const { path, namespace = '/' } = (Reflect.getMetadata(OPTIONS, one) ?? {}) as { path?: string; namespace?: string | RegExp };
    const name = typeof namespace === 'string' && !namespace.startsWith('/') ? `/${namespace}` : namespace;
    return { port: Number(Reflect.getMetadata(PORT, one)) || 0, path, namespace: name, isOpen: isClassOpen(one) };
  });
}

/** Whether everybody may have a socket there: one of the gateways that share it is open to everybody. */
export function isOpenAt(gateways: readonly Gateway[], port: number, path: string | undefined, namespace: string): boolean {
  return gateways.some(
    (gateway) =>
      gateway.isOpen &&
      gateway.port === port &&
      gateway.path === path &&
      (typeof gateway.namespace === 'string' ? gateway.namespace === namespace : gateway.namespace.test(namespace)),
  );
}
