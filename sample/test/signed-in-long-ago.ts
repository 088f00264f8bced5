import type { Redis } from 'ioredis';

const META = '@meta';
/** The part of `@meta` that says when the user last proved who they are, in base 36: see docs/storage-format.md. */
const AUTHENTICATED = 5;
const TEN_MINUTES = 10 * 60 * 1_000;

/** Makes a session look as if its user had signed in ten minutes ago. */
export async function signedInLongAgo(client: Redis, handle: string): Promise<void> {
  const key = `sess:${handle}`;
  const parts = ((await client.hget(key, META)) ?? '').split('|');
  parts[AUTHENTICATED] = (Date.now() - TEN_MINUTES).toString(36);
  await client.hset(key, META, parts.join('|'));
}
