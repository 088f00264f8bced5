import { SessionMisuseError } from '../redis-session.errors.js';

/** What signs somebody in without a password must not be reached by a request, whatever somebody has imported by mistake. */
export function refuseInProduction(name: string): void {
  if (process.env['NODE_ENV'] !== 'production') return;
  throw new SessionMisuseError(
    `${name}() of nestjs-redis-session/testing is for tests, and refuses to run where NODE_ENV is "production". Take it out of your application, or set NODE_ENV to "test" for your tests.`,
  );
}
