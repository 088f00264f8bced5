// What the examples in README.md and docs/ take for granted: the application that they belong to. Only scripts/steps/docs-code.mjs reads this.
import type { ModuleMetadata } from '@nestjs/common';
import type { RedisSessionOptions, SessionManager } from 'nestjs-redis-session';

declare module 'express-session' {
  interface SessionData {
    passport?: { user: User };
  }
}

declare global {
  const secret: string;
  const password: string;
  const newSecret: string;
  const oldSecret: string;

  interface User {
    id: string;
    name: string;
    roles: string[];
  }

  /** Of `@nestjs/jwt`. */
  class JwtService {
    verifyAsync<T extends object>(token: string): Promise<T>;
  }

  /** What the tokens of an application say. */
  interface Payload {
    sub?: string;
    iat?: number;
    exp?: number;
    roles?: string[];
  }

  /** What an application had before. */
  const legacySessions: {
    find(
      token: string,
    ): Promise<{ id: string; userId: string; roles: string[]; cart: string[]; signedInAt: Date; expiresAt: Date } | undefined>;
  };

  class AppModule {}

  class LoginDto {
    username: string;
    password: string;
  }

  class RememberDto extends LoginDto {
    remember: boolean;
  }

  class Item {
    sku: string;
    quantity: number;
  }

  class UsersService {
    verify(credentials: LoginDto): Promise<User>;
  }

  /** Around an example that shows members of a class only. */
  abstract class ExampleClass {
    protected readonly users: UsersService;
    protected readonly sessions: SessionManager;
  }

  /** Around an example that shows members of an object only: some options, one group of them, or the metadata of a module. */
  type ExampleObject = Partial<RedisSessionOptions> | RedisSessionOptions['session'] | RedisSessionOptions['store'] | ModuleMetadata;
}
