import { SessionStoreUnavailableError } from '../../redis-session.errors.js';
import type { StoreProblem } from '../../session/store/session-store.js';
import { toStoreError } from './redis-errors.js';
import type { RedisPort } from './redis-port.js';
import { infoOf, ServerInfo } from './server-info.js';

/** Redis does not let the user ask. */
const REFUSED = 'NOPERM';

/** What is wrong with the nodes that sessions are written to. Nothing is found where `INFO` is not permitted. Rejects when one does not answer. */
export async function redisProblems(port: RedisPort): Promise<readonly StoreProblem[]> {
  if (port.missesNode) throw new SessionStoreUnavailableError('connection');
  const infos = await Promise.all(port.writtenNodes().map((node) => infoOf(node).catch(unlessRefused)));
  const found: Record<StoreProblem, (info: ServerInfo) => boolean> = {
    replica: ({ isReplica }) => isReplica,
    full: ({ isFull }) => isFull,
    evicting: ({ evictingPolicy }) => evictingPolicy !== undefined,
  };
  return (Object.keys(found) as StoreProblem[]).filter((problem) => infos.some((info) => found[problem](info)));
}

function unlessRefused(error: unknown): ServerInfo {
  const storeError = toStoreError(error);
  if (storeError.reason !== REFUSED) throw storeError;
  return new ServerInfo('');
}
