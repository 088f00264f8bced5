import type { Redis } from 'ioredis';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';

type ScriptCall = [script: string, keyCount: number, key: string, ...args: string[]];

interface ScriptWatch {
  /** Sends something before each script that is sent by its hash. */
  readonly before?: (client: Redis) => void;
  /** Is told what a script has answered, and the TTL of its key right after it. */
  readonly after?: (key: string, reply: unknown, ttl: unknown) => void;
}

/** The client, with an eye on each script that it sends. One is enough for many stores: each new one would be listened to. */
export function watchScripts(client: OwnClient, { before, after }: ScriptWatch): OwnClient {
  return wrapped(client, (name, member) => {
    if (!isScript(name)) return undefined;
    return async (...args: ScriptCall) => {
      if (name === 'evalsha') before?.(client as Redis);
      const [reply, ttl] = await Promise.all([member.apply(client, args), client.pttl(args[2])]);
      after?.(args[2], reply, ttl);
      return reply;
    };
  });
}

/** Some of its members replaced; the others do what they did. */
function wrapped(whole: OwnClient, replace: (name: string | symbol, member: Function) => unknown): OwnClient {
  return new Proxy(whole, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return replace(name, member) ?? (member.bind(target) as unknown);
    },
  });
}

function isScript(name: string | symbol): boolean {
  return name === 'evalsha' || name === 'eval';
}

/** Notes each key that has no TTL right after a script, even when a later call would mend it. */
export function watchTtls(client: OwnClient): { client: OwnClient; problems: string[] } {
  const problems: string[] = [];
  const after: ScriptWatch['after'] = (key, _reply, ttl) => {
    if (ttl === -1) problems.push(`${key} has no TTL after a script`);
  };
  return { client: watchScripts(client, { after }), problems };
}

/** Throws when any key of those nodes would stay for ever. */
export async function assertEveryKeyEnds(nodes: readonly Redis[]): Promise<void> {
  for (const node of nodes) {
    for (const key of await node.keys('*')) if ((await node.pttl(key)) === -1) throw new Error(`${key} has no TTL.`);
  }
}
