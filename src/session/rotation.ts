/**
 * The secrets of one session, as hashes. Several are good at once while answers are on their way: until the browser presents a newer secret,
 * nobody knows whether it has arrived, so the one before stays good. `redis/scripts/lua/_meta.lua` decides the same inside Redis.
 */
export interface Secrets {
  /** The newest one that a browser has presented. */
  readonly current: string;
  /** Made since, and presented by no browser yet; the newest last. */
  readonly unconfirmed: readonly string[];
  /** Replaced by the current one, and good until the end of their grace: for requests already on their way. */
  readonly previous: readonly PreviousSecret[];
  /** When the newest one was made or last told, epoch ms; `undefined` without a rotation. */
  readonly rotatedAt: number | undefined;
}

/** A secret in its grace. */
export interface PreviousSecret {
  readonly hash: string;
  /** Epoch ms. */
  readonly endsAt: number;
}

/** What a rotation is decided on, besides the secrets. Times in ms. */
export interface RotationRequest {
  /** Hash of the secret that the browser has presented. */
  readonly presented: string;
  /** Hash of the secret that the request has by now: the same, unless it has made one itself. */
  readonly own: string;
  /** Hash of the new secret. */
  readonly next: string;
  /** How long ago the session was loaded. */
  readonly age: number;
  readonly grace: number;
  readonly now: number;
}

/** `rotated`, also by an earlier try; `unchanged` since it is too early, or not for this request to do. `ended`: the secret presented is good no longer. */
export type RotationOutcome = 'rotated' | 'unchanged' | 'ended';

/**
 * How many secrets are remembered besides the current one. After so many answers in a row that got lost, a session stops rotating: a secret
 * that was told is never dropped to make room.
 */
export const MOST_OTHERS = 4;

/** A session that was never rotated. */
export function firstSecret(hash: string): Secrets {
  return { current: hash, unconfirmed: [], previous: [], rotatedAt: undefined };
}

/** The last one that was told. */
export function newestSecret({ current, unconfirmed }: Secrets): string {
  return unconfirmed.at(-1) ?? current;
}

/** Every secret that is good at that time. */
export function goodSecrets({ current, unconfirmed, previous }: Secrets, now: number): string[] {
  return [current, ...unconfirmed, ...previous.filter(({ endsAt }) => now < endsAt).map(({ hash }) => hash)];
}

/** After a write of a request that came with `presented`: the first newer secret that is presented replaces all others, which have the grace left. */
export function confirmed(secrets: Secrets, presented: string, grace: number, now: number): Secrets {
  const previous = secrets.previous.filter(({ endsAt }) => now < endsAt);
  if (!secrets.unconfirmed.includes(presented)) return { ...secrets, previous };
  if (grace > 0)
    for (const hash of [secrets.current, ...secrets.unconfirmed]) if (hash !== presented) previous.push({ hash, endsAt: now + grace });
  return { ...secrets, current: presented, unconfirmed: [], previous };
}

/**
 * The secrets once the answer is about to tell the browser `told`, which the request has made. From then on it may be on its way, however
 * long the request took before.
 */
export function toldAt(secrets: Secrets, told: string, now: number): Secrets {
  return secrets.unconfirmed.length > 0 && newestSecret(secrets) === told ? { ...secrets, rotatedAt: now } : secrets;
}

/** A change of who or what somebody is leaves no grace. A secret that waits for a newer one to be presented may be the only one they have. */
export function withoutGrace(secrets: Secrets): Secrets {
  return secrets.previous.length === 0 ? secrets : { ...secrets, previous: [] };
}

/** Makes `next` good beside those that are. */
export function rotate(secrets: Secrets, request: RotationRequest): { readonly outcome: RotationOutcome; readonly secrets: Secrets } {
  const { presented, own, next, age, grace, now } = request;
  if (isCurrentOrNewer(secrets, next)) return { outcome: 'rotated', secrets };
  const after = confirmed(secrets, presented, grace, now);
  // One in its grace has been replaced by a newer one, which its browser has or is about to get.
  const isCurrent = presented === after.current || own === after.current;
  // The way here and the way back each take less than a grace. A request that was loaded two graces after the last rotation was sent after the
  // answer of that arrived or was lost; the answer of an earlier one may still be overtaken.
  const isTooSoon = after.unconfirmed.length > 0 && now - age < (after.rotatedAt ?? 0) + 2 * grace;
  const isFull = after.unconfirmed.length + after.previous.length >= MOST_OTHERS;
  if (!isCurrent || isTooSoon || isFull) return { outcome: 'unchanged', secrets: after };
  return { outcome: 'rotated', secrets: { ...after, unconfirmed: [...after.unconfirmed, next], rotatedAt: now } };
}

/** Makes `next` the only good one, for a user who has just proved again who they are. */
export function replaceAll(secrets: Secrets, request: RotationRequest): { readonly outcome: RotationOutcome; readonly secrets: Secrets } {
  const { presented, own, next, grace, now } = request;
  if (secrets.current === next) return { outcome: 'rotated', secrets };
  const after = confirmed(secrets, presented, grace, now);
  if (presented !== after.current && own !== after.current) return { outcome: 'ended', secrets };
  return { outcome: 'rotated', secrets: { ...firstSecret(next), rotatedAt: now } };
}

/** Whether that is the current secret, or one made since. */
export function isCurrentOrNewer({ current, unconfirmed }: Secrets, hash: string): boolean {
  return current === hash || unconfirmed.includes(hash);
}
