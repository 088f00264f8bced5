import 'express-session';
import 'nestjs-redis-session';

export interface Item {
  sku: string;
  quantity: number;
}

declare module 'express-session' {
  interface SessionData {
    cart: Item[];
    theme?: 'dark' | 'light';
    passport: { user?: { id: number; roles: string[] } };
  }
}

declare module 'nestjs-redis-session' {
  interface Identity {
    readonly roles: readonly string[];
  }
}
