import { SEAL } from '../../session/store/migrate-options.js';
import type { Sid } from '../../session/sid.js';
import { STATUS } from '../scripts/lua.generated.js';
import type { ScriptName } from '../scripts/redis-scripts.js';
import { GONE, type RedisWriter, type ScriptReply } from '../store/redis-writer.js';

/** What connect-redis keeps of one session. */
export interface StringValue {
  /** As its serializer has written it. */
  readonly text: string;
  /** Whether it is being converted: nobody writes to it any more. */
  readonly isSealed: boolean;
  /** In ms until it ends; `undefined` for one without an end. */
  readonly left: number | undefined;
  /** When that was so, epoch ms by Redis' clock. */
  readonly at: number;
}

/**
 * The strings that connect-redis keeps sessions in, one under the prefix and the sid of each. Every change is one script, which never touches what another
 * process has sealed.
 */
export class RedisStrings {
  constructor(
    private readonly writer: RedisWriter,
    private readonly prefix: string,
  ) {}

  async read(sid: Sid): Promise<StringValue | undefined> {
    const reply = await this.#run('stringRead', sid, []);
    return reply.status === STATUS.done ? valueIn(reply) : undefined;
  }

  /** Answers with when that was; `undefined` when there is one. */
  async create(sid: Sid, text: string, idle: number): Promise<number | undefined> {
    const { status, now } = await this.#run('stringCreate', sid, [text, idle]);
    return status === STATUS.done ? now : undefined;
  }

  /** From then on it is final: nobody writes to it, and its end moves no more. `undefined` when there is none. */
  async seal(sid: Sid, idle: number): Promise<StringValue | undefined> {
    const reply = await this.#run('stringSeal', sid, [idle]);
    return reply.status === STATUS.done ? valueIn(reply) : undefined;
  }

  /** Answers with when that was; what there is, when that is not the expected text; `undefined` when there is none. */
  async save(sid: Sid, expected: string, text: string, idle: number): Promise<number | StringValue | undefined> {
    return timeOr(await this.#run('stringSave', sid, [expected, text, idle]));
  }

  /** Answers with when that was; what there is, when it is sealed; `undefined` when there is none. */
  async touch(sid: Sid, idle: number): Promise<number | StringValue | undefined> {
    return timeOr(await this.#run('stringTouch', sid, [idle]));
  }

  /** Ends whatever there is, and answers with the text that it had. */
  async end(sid: Sid): Promise<string | undefined> {
    const { status, values } = await this.#run('stringDestroy', sid, ['']);
    return status === STATUS.done ? withoutSeal(values[0] ?? '') : undefined;
  }

  /** Ends it if that is its text. */
  async endIf(sid: Sid, text: string): Promise<'ended' | 'changed' | 'gone'> {
    const { status } = await this.#run('stringDestroy', sid, [text]);
    if (status === STATUS.changed) return 'changed';
    return status === STATUS.done ? 'ended' : 'gone';
  }

  /** Ends it if it is sealed. */
  async endSealed(sid: Sid): Promise<void> {
    await this.#run('stringDestroy', sid, [SEAL]);
  }

  /** A key of another type is none of theirs. */
  #run(script: ScriptName, sid: Sid, args: readonly (string | number)[]): Promise<ScriptReply> {
    return this.writer.run(script, this.prefix + sid, args, GONE);
  }
}

function timeOr(reply: ScriptReply): number | StringValue | undefined {
  if (reply.status === STATUS.done) return reply.now;
  return reply.status === STATUS.changed ? valueIn(reply) : undefined;
}

function valueIn({ now, values: [value = '', left = ''] }: ScriptReply): StringValue {
  const ms = Number(left);
  return { text: withoutSeal(value), isSealed: value.startsWith(SEAL), left: ms < 0 ? undefined : ms, at: now };
}

function withoutSeal(value: string): string {
  return value.startsWith(SEAL) ? value.slice(SEAL.length) : value;
}
