import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { MemorySessionStore, RedisSessionStore } from '../../src/index.js';
import { generateSid } from '../../src/session/sid.js';
import { ourContestant, stockContestant, wrappingContestant, type Config, type Contestant, type Operation } from '../support/contestants.js';
import { sidOf, signedCookie } from '../support/signed-cookie.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const SEED = 20_261_123;
const PROGRAMS = 100;
const CLIENTS = ['ada', 'grace'] as const;
const COOKIES = ['own', 'none', 'forged', 'cut', 'unsigned', 'unknown'] as const;

type Client = (typeof CLIENTS)[number];
type Step =
  | { kind: 'ask'; client: Client; operation: Operation; cookie: (typeof COOKIES)[number] }
  | { kind: 'parallel'; client: Client; first: Operation; second: Operation }
  | { kind: 'expire'; client: Client };
type Program = { config: Config; steps: Step[] };

/** What an answer says of the cookie. */
type News = 'nothing' | 'cleared' | { sid: 'same' | 'new'; attributes: string; expiresIn: number | 'never' };
type Outcome = { status: number; body: string; news: News };
/** What a step showed: its answers, the entries behind the client's cookie afterwards, and the number of sessions there are. */
type Observation = { answers: Outcome[]; entries: Record<string, unknown> | undefined; sessions: number };

const ends = ({ do: what }: Operation) => ['destroy', 'unset', 'regenerate', 'logInAsPassport'].includes(what);
const writes = ({ do: what }: Operation) => !['nothing', 'read', 'touch', 'maxAge'].includes(what);

/** The differences on purpose, by the headings of the list in `docs/`, and when one may be seen. */
const DIFFERENCES: readonly {
  name: string;
  mayShow(step: Step, config: Config): boolean;
  /** Leaves out what differs. */
  without?(observation: Observation): unknown;
  /** A program that shows it. */
  example: Program;
}[] = [];

describe('differences', () => {
  test.todo('x');
});
