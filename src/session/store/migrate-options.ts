import { kindOf, unknownNames } from '../option-checks.js';
import { promisesOf } from './store-option-problems.js';
import type { EntrySerializer, StoreOptions } from './store-options.js';
import type { StoreSettings } from './store-settings.js';

/** How far the move from connect-redis is: see {@link MigrateOptions.phase}. */
export type MigrationPhase = 'prepare' | 'convert';

/** See `store.migrate`. */
export interface MigrateOptions {
  /**
   * `'prepare'`: what connect-redis keeps stays a string, and so is every new session, so applications with that package may run beside this one. `'convert'`: a
   * string becomes a hash with its first request, and new sessions are hashes. Applications in either phase may run beside each other.
   *
   * @daily
   * @default required
   */
  phase: MigrationPhase;
  /**
   * connect-redis' `prefix`: what the keys of its strings begin with.
   *
   * @default `store.prefix`
   * @see connect-redis
   */
  prefix?: string | undefined;
  /**
   * connect-redis' `serializer`, which turns a whole session into text and back. Both functions must be synchronous.
   *
   * @default `store.serializer`
   * @see connect-redis
   */
  serializer?: EntrySerializer | undefined;
}

/** The same with every default filled in. */
export interface MigrateSettings {
  readonly phase: MigrationPhase;
  readonly prefix: string;
  readonly serializer: EntrySerializer;
}

/** `identity` of the options, as it is called with all entries of a session. What it takes them for is the application's to say. */
export type EntryFinder = (session: never) => unknown;

/** What a sealed string begins with. No session in JSON does. `redis/scripts/lua/_string.lua` writes it. */
export const SEAL = '@';

/** What a start without the name of the cookie fails with. */
export const MISSING_NAME =
  '"session.name" must be set with "store.migrate": visitors are found by the cookie that they have, and under another name all of them would be signed out. Set it to the "name" that express-session has had, which is "connect.sid" unless you gave it one.';

/** Instead of the cure for any other short secret, which would sign everybody out. */
export const SHORT_SECRET_IN_MOVE =
  '"session.secret" has fewer than 32 bytes, which is an error in production without "store.migrate". Another one in its place signs everybody out. Once "store.migrate" is "convert", put a new one before it. See "A short secret" in docs/coming-from-connect-redis.md.';

const PHASES: readonly unknown[] = ['prepare', 'convert'] satisfies MigrationPhase[];
const NAMES = ['phase', 'prefix', 'serializer'] satisfies (keyof MigrateOptions)[];

/** Fills in the defaults. */
export function resolveMigrateOptions(
  migrate: MigrationPhase | MigrateOptions,
  { prefix, serializer }: Pick<StoreSettings, 'prefix' | 'serializer'>,
): MigrateSettings {
  const given = typeof migrate === 'string' ? { phase: migrate } : migrate;
  return { phase: given.phase, prefix: given.prefix ?? prefix, serializer: given.serializer ?? serializer };
}

/** What is wrong with `store.migrate`, one sentence each: name, rule, cure. */
export function migrateOptionProblems(migrate: unknown, { serializer: entrySerializer }: Pick<StoreOptions, 'serializer'>): string[] {
  if (typeof migrate !== 'object' || migrate === null) return phaseProblems('store.migrate', migrate);
  const { phase, prefix, serializer = entrySerializer } = migrate as Partial<Record<keyof MigrateOptions, unknown>>;
  const problems = [...unknownNames('store.migrate', migrate, NAMES), ...phaseProblems('store.migrate.phase', phase)];
  if (prefix !== undefined && typeof prefix !== 'string')
    problems.push(`"store.migrate.prefix" must be a string, received ${kindOf(prefix)}. Give it the "prefix" of connect-redis.`);
  return [...problems, ...serializerProblems(serializer)];
}

function phaseProblems(name: string, phase: unknown): string[] {
  if (PHASES.includes(phase)) return [];
  return [`"${name}" must be "prepare" or "convert", received ${kindOf(phase)}. Begin with "prepare".`];
}

function serializerProblems(serializer: unknown): string[] {
  if (serializer === undefined) return [];
  const { stringify, parse } = Object(serializer) as Partial<Record<keyof EntrySerializer, unknown>>;
  if (typeof stringify !== 'function' || typeof parse !== 'function')
    return ['"store.migrate.serializer" must have the functions stringify and parse. Leave it out for JSON.'];
  const whole = serializer as EntrySerializer;
  const promises = promisesOf(whole);
  if (promises.length > 0)
    return promises.map((name) => `"store.migrate.serializer" must be synchronous: its "${name}" returns a promise. Convert without it.`);
  return beginsWithSeal(whole)
    ? [
        `"store.migrate.serializer" must not write texts that begin with "${SEAL}": they would be taken for strings that are being converted.`,
      ]
    : [];
}

function beginsWithSeal(serializer: EntrySerializer): boolean {
  try {
    return serializer.stringify({ cookie: {} })?.startsWith(SEAL) === true;
  } catch {
    return false; // It may have its own idea of what can be stored.
  }
}
