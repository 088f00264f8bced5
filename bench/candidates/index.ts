import { bareHgetall } from './bare-hgetall.js';
import type { Candidate } from './candidate.js';
import { cookieSession } from './cookie-session.js';
import { connectRedis, connectRedisPipelined, memoryStore } from './express-session.js';
import { ironSession } from './iron-session.js';
import { noSession, noSessionNormalised } from './no-session.js';
import { builtin, builtinWithContext, oursOverExpressSession, packedBuiltin } from './ours.js';

/** In the order of the tables. All are NestJS 12 on express 5 with the same controller. */
export const CANDIDATES: readonly Candidate[] = [
  noSession,
  noSessionNormalised,
  memoryStore,
  connectRedis,
  connectRedisPipelined,
  cookieSession,
  ironSession,
  oursOverExpressSession,
  builtin,
  builtinWithContext,
  bareHgetall,
];

export { bareHgetall, builtin, connectRedis, connectRedisPipelined, noSession, noSessionNormalised, packedBuiltin };
