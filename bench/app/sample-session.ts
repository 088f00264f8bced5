export interface SampleIdentity {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
}

/** What the application keeps in a session. */
export interface SampleSession {
  identity: SampleIdentity;
  cart: { sku: string; quantity: number; price: number }[];
  preferences: { locale: string; theme: string };
  csrf: string;
  /** The entry that the workload "change" changes; always six digits, so that sessions keep their size. */
  visit: number;
  note: string;
}

export const FIRST_VISIT = 100_000;
const CART_SHARE = 0.75;

const templates = new Map<number, SampleSession>();

/** The session of one user, whose JSON has exactly that many bytes. */
export function sampleSession(user: number, bytes: number): SampleSession {
  const template = templates.get(bytes) ?? createTemplate(bytes);
  templates.set(bytes, template);
  return { ...template, identity: identityOf(user) };
}

function createTemplate(bytes: number): SampleSession {
  const session: SampleSession = {
    identity: identityOf(0),
    cart: [],
    preferences: { locale: 'en-GB', theme: 'dark' },
    csrf: 'q0Yx3mJ8sVtZ5bKw',
    visit: FIRST_VISIT,
    note: '',
  };
  do session.cart.push({ sku: `SKU-${digits(session.cart.length, 6)}`, quantity: 1, price: 1_999 });
  while (sizeOf(session) < bytes * CART_SHARE);
  session.note = 'x'.repeat(bytes - sizeOf(session));
  return session;
}

function identityOf(user: number): SampleIdentity {
  return { id: userId(user), name: `Ada Example ${digits(user, 7)}`, roles: ['customer'] };
}

export function userId(user: number): string {
  return `user-${digits(user, 7)}`;
}

export function sizeOf(session: Partial<SampleSession>): number {
  return Buffer.byteLength(JSON.stringify(session));
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}
