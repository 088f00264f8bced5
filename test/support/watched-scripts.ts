import type { ChainableCommander, Redis } from 'ioredis';
import type { OwnClient } from '../../src/redis/client/ioredis/ioredis-types.js';

type ScriptCall = [script: string, keyCount: number, key: string, ...args: string[]];

interface ScriptWatch {
  /** Sends something before each script that is sent by its hash. */
  readonly before?: (commander: Redis | ChainableCommander) => void;
  /** Is told what a script has answered, and the TTL of its key right after it. */
  readonly after?: (key: string, reply: unknown, ttl: unknown) => void;
}

/** The client, with an eye on each script that it sends, alone or in a pipeline. One is enough for many stores: each new one would be listened to. */
export function watchScripts(client: OwnClient, { before, after }: ScriptWatch): OwnClient {
  return wrapped<OwnClient>(client, (name, member) => {
    if (name === 'pipeline') return () => watchPipeline(client.pipeline());
    if (!isScript(name)) return undefined;
    return async (...args: ScriptCall) => {
      if (name === 'evalsha') before?.(client as Redis);
      const [reply, ttl] = await Promise.all([member.apply(client, args), client.pttl(args[2])]);
      after?.(args[2], reply, ttl);
      return reply;
    };
  });

  /** What is sent besides goes through the same pipeline, and whoever made it learns nothing of that. */
  function watchPipeline(pipeline: ChainableCommander): ChainableCommander {
    /** At the place of a script in the pipeline, its key. */
    const keys = new Map<number, string>();
    const ours = new Set<number>();
    return wrapped<ChainableCommander>(pipeline, (name, member) => {
      if (name === 'exec') return () => pipeline.exec().then((replies) => replies && told(replies));
      if (!isScript(name)) return undefined;
      return (...args: ScriptCall) => {
        if (name === 'evalsha') add(() => before?.(pipeline));
        keys.set(pipeline.length, args[2]);
        member.apply(pipeline, args);
        add(() => pipeline.pttl(args[2]));
      };
    });

    function add(send: () => void): void {
      const first = pipeline.length;
      send();
      for (let place = first; place < pipeline.length; place++) ours.add(place);
    }

    function told(replies: [Error | null, unknown][]): [Error | null, unknown][] {
      for (const [place, key] of keys) {
        const [error, reply] = replies[place]!;
        if (error === null) after?.(key, reply, replies[place + 1]?.[1]);
      }
      return replies.filter((_reply, place) => !ours.has(place));
    }
  }
}

/** Some of its members replaced; the others do what they did. */
function wrapped<T extends object>(whole: T, replace: (name: string | symbol, member: Function) => unknown): T {
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
