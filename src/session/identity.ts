/** The entry that says who is signed in. */
export const IDENTITY_ENTRY = 'identity';

/** Who is signed in. Only `id` is required. */
export interface Identity {
  readonly id: string | number;
}

/**
 * An object whose `id` is a non-empty string or a finite number; anything else is nobody. What else an application has declared of its
 * identities (`Who`) is taken on trust. A string with half a surrogate pair is no id: as bytes, in Redis, all of them are one user.
 */
export function isIdentity<Who extends Identity = Identity>(value: unknown): value is Who {
  if (typeof value !== 'object' || value === null || !('id' in value)) return false;
  return (
    (typeof value.id === 'string' && value.id !== '' && value.id.isWellFormed()) ||
    (typeof value.id === 'number' && Number.isFinite(value.id))
  );
}

/** Whether one of these is in its `roles`, an array of strings. */
export function hasRole(identity: Identity, wanted: readonly string[]): boolean {
  const { roles } = identity as { readonly roles?: unknown };
  return Array.isArray(roles) && wanted.some((role) => roles.includes(role));
}

export function isSameUser(a: Identity, b: Identity): boolean {
  return String(a.id) === String(b.id);
}
