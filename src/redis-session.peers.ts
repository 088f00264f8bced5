import { RedisSessionConfigError } from './redis-session.errors.js';

/** What npm is told to install, by optional peer. */
const VERSIONS: Readonly<Record<string, string>> = {
  'express-session': 'express-session',
  'connect-redis': 'connect-redis@8',
  ioredis: 'ioredis',
};

/**
 * Loads what needs an optional peer: applications that do not use the option do without the package. Rejects with `RedisSessionConfigError` when it is
 * not installed.
 *
 * @param why the option that asks for it, as in `"store.kind" is "connect-redis"`
 */
export async function loadWithPeer<Module>(why: string, load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    const missing = missingPeer(error);
    if (missing === undefined) throw error;
    throw new RedisSessionConfigError([
      `${why}, which needs the package ${missing}, and that is not installed. Type: npm install ${VERSIONS[missing]}`,
    ]);
  }
}

/** One peer may need another: connect-redis needs express-session. */
function missingPeer(error: unknown): string | undefined {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined;
  const [, name = ''] = /^Cannot find (?:package|module) '([^']+)'/.exec(String(message)) ?? [];
  return Object.hasOwn(VERSIONS, name) ? name : undefined;
}
