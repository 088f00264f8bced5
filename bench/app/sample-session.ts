export interface SampleIdentity {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** What the application keeps in a session: who is signed in, a cart, and a counter. */
export interface SampleSession {
  identity: SampleIdentity;
  cart: { sku: string; title: string; quantity: number }[];
  /** The entry that the workload "change" changes; always six digits, so that sessions keep their size. */
  visit: number;
}

export const FIRST_VISIT = 100_000;
/** The items make up so much; the last title is as long as it takes to fill the rest. */
const CART_SHARE = 0.75;
const templates = new Map<number, SampleSession>();

/** The session of one user, whose JSON has exactly that many bytes. */
export function sampleSession(user: number, bytes: number): SampleSession {
  const template = templates.get(bytes) ?? createTemplate(bytes);
  templates.set(bytes, template);
  return { ...template, identity: identityOf(user) };
}

export function userId(user: number): string {
  return `user-${digits(user, 7)}`;
}

export function sizeOf(session: Partial<SampleSession>): number {
  return Buffer.byteLength(JSON.stringify(session));
}

function createTemplate(bytes: number): SampleSession {
  const session: SampleSession = { identity: identityOf(0), cart: [], visit: FIRST_VISIT };
  const addItem = (title: string) => session.cart.push({ sku: `SKU-${digits(session.cart.length, 6)}`, title, quantity: 1 });
  do addItem('An example of a title');
  while (sizeOf(session) < bytes * CART_SHARE);
  for (const item of session.cart.slice(-1)) item.title += '.'.repeat(bytes - sizeOf(session));
  return session;
}

function identityOf(user: number): SampleIdentity {
  return { id: userId(user), name: `Ada Example ${digits(user, 7)}`, roles: ['customer'] };
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
