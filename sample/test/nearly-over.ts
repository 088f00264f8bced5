import type { Redis } from 'ioredis';

/** The idle timeout of the sample, in ms. */
export const IDLE_TIMEOUT = 30 * 60_000;
/** In ms. Less than the two minutes that the page warns of, and more than a test takes. */
export const LEFT = 110_000;

const META = '@meta';
/** Parts of `@meta`, in base 36: when the session was created, and since then, when it ends however often it is used: see docs/storage-format.md. */
const CREATED = 1;
const ABSOLUTE_END = 3;
const BASE = 36;

export const keyOf = (handle: string): string => `sess:${handle}`;

/** Makes a session look as if its user had done nothing until less than two minutes were left. */
export async function nearlyOver(client: Redis, handle: string): Promise<void> {
  // The last request is stored as so long after the beginning, and comes along.
  const past = IDLE_TIMEOUT - LEFT;
  await rewrite(client, handle, ({ created, absoluteEnd }) => ({ created: created - past, absoluteEnd: absoluteEnd + past }));
}

/** Makes a session have lived for nearly as long as it may, whatever its user does. */
export async function nearlyTooOld(client: Redis, handle: string): Promise<void> {
  const [seconds = 0] = await client.time();
  await rewrite(client, handle, ({ created }) => ({ created, absoluteEnd: seconds * 1_000 + LEFT - created }));
}

/** Makes the time of a session be over. */
export async function over(client: Redis, handle: string): Promise<void> {
  await client.pexpire(keyOf(handle), 0);
}

interface Times {
  readonly created: number;
  readonly absoluteEnd: number;
}

async function rewrite(client: Redis, handle: string, change: (times: Times) => Times): Promise<void> {
  const key = keyOf(handle);
  const parts = ((await client.hget(key, META)) ?? '').split('|');
  const read = (part: number): number => Number.parseInt(parts[part] ?? '', BASE);
  const { created, absoluteEnd } = change({ created: read(CREATED), absoluteEnd: read(ABSOLUTE_END) });
  parts[CREATED] = created.toString(BASE);
  parts[ABSOLUTE_END] = absoluteEnd.toString(BASE);
  await client.multi().hset(key, META, parts.join('|')).pexpire(key, LEFT).exec();
}
