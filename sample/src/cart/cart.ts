export interface CartItem {
  readonly sku: string;
  readonly quantity: number;
}

export interface Cart {
  readonly items: readonly CartItem[];
}

declare module 'express-session' {
  interface SessionData {
    cart?: Cart;
  }
}

export const MOST_OF_ONE = 999;
export const MOST_ITEMS = 50;

/** The cart with one item more; the same sku adds up. */
export function addToCart({ items }: Cart, { sku, quantity }: CartItem): Cart {
  const known = items.some((item) => item.sku === sku);
  if (!known) return { items: [...items, { sku, quantity }] };
  return { items: items.map((item) => (item.sku === sku ? { sku, quantity: item.quantity + quantity } : item)) };
}

export function isTooMuch({ items }: Cart): boolean {
  return items.length > MOST_ITEMS || items.some(({ quantity }) => quantity > MOST_OF_ONE);
}
