// The only place where our declarations name ioredis, an optional peer. The comment is part of them: without the package, TypeScript goes on, and
// takes its types for `any`.
// oxlint-disable-next-line typescript/prefer-ts-expect-error -- where the package is installed there is no error to expect
/** @ts-ignore ioredis may not be installed */
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';

/** `never` for the type of a package that is not installed: `any` would take everything. */
type Installed<T> = unknown extends T ? never : T;

export type IoredisOptions = Installed<RedisOptions>;
export type IoredisClusterNode = Installed<ClusterNode>;
export type IoredisClusterOptions = Installed<ClusterOptions>;
/** The clients that this package makes. */
export type OwnClient = Installed<Redis> | Installed<Cluster>;
