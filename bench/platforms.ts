import { bareHgetall, bareHgetallOnFastify } from './candidates/bare-hgetall.js';
import type { Candidate } from './candidates/candidate.js';
import { cookieSession } from './candidates/cookie-session.js';
import { connectRedis, connectRedisPipelined, memoryStore } from './candidates/express-session.js';
import { fastifySession, fastifySessionRolling } from './candidates/fastify-session.js';
import { ironSession } from './candidates/iron-session.js';
import { noSession, noSessionNormalised } from './candidates/no-session.js';
import { builtin, builtinWithContext, builtinWithMetrics, oursOverExpressSession } from './candidates/ours.js';
import { secureSession } from './candidates/secure-session.js';

export type PlatformName = 'express' | 'fastify';

/** A framework under NestJS 12, and what is measured on it. All candidates have the same controller. */
export interface Platform {
  readonly name: PlatformName;
  /** In the order of the tables. */
  readonly candidates: readonly Candidate[];
  /** What people run today, which we are compared with. */
  readonly usual: Candidate;
  /** For the head of a column. */
  readonly usualName: string;
  /** The second baseline, where there is one. */
  readonly normalised: Candidate | undefined;
  readonly bareHgetall: Candidate;
  /** Whether raw HGETALL is measured whenever ours is, or only beside {@link bareHgetall}. */
  readonly hasFloor: boolean;
  /** Of result files. */
  readonly resultKind: string;
  /** What the candidates are made of. */
  readonly packages: readonly string[];
}

const EXPRESS: Platform = {
  name: 'express',
  candidates: [
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
    builtinWithMetrics,
    bareHgetall,
  ],
  usual: connectRedis,
  usualName: 'connect-redis',
  normalised: noSessionNormalised,
  bareHgetall,
  hasFloor: false,
  resultKind: 'speed',
  packages: ['express', 'express-session', 'connect-redis', 'cookie-session', 'iron-session'],
};

const FASTIFY: Platform = {
  name: 'fastify',
  candidates: [noSession, fastifySession, fastifySessionRolling, secureSession, builtin, builtinWithContext, bareHgetallOnFastify],
  usual: fastifySession,
  usualName: '@fastify/session',
  normalised: undefined,
  bareHgetall: bareHgetallOnFastify,
  hasFloor: true,
  resultKind: 'fastify',
  packages: ['@nestjs/platform-fastify', 'fastify', '@fastify/session', '@fastify/secure-session', 'connect-redis'],
};

/** The first is measured unless another one is asked for. */
export const PLATFORMS: readonly [Platform, ...Platform[]] = [EXPRESS, FASTIFY];
