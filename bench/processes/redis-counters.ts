import type { Redis } from 'ioredis';

/** What a redis-server has done so far, this asking left out. */
export interface RedisCounters {
  readonly commands: number;
  readonly bytes: number;
  readonly cpu: number;
}

/** Reads the counters of one server. What it sends and receives for that itself is subtracted. */
export class RedisMeter {
  #own = 0;

  constructor(private readonly client: Redis) {}

  async read(): Promise<RedisCounters> {
    const own = this.#own;
    const info = await this.client.info('everything');
    this.#own += Buffer.byteLength(info) + Buffer.byteLength(REQUEST);
    const calls = [...info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].filter(([, name]) => name !== 'info');
    return {
      commands: calls.reduce((sum, [, , count]) => sum + Number(count), 0),
      bytes: numberOf(info, 'total_net_input_bytes') + numberOf(info, 'total_net_output_bytes') - own,
      cpu: (numberOf(info, 'used_cpu_user') + numberOf(info, 'used_cpu_sys')) * 1e6,
    };
  }
}

const REQUEST = '*2\r\n$4\r\ninfo\r\n$10\r\neverything\r\n';

/** One number of an INFO reply. */
export function numberOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]);
}
