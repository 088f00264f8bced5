// The floor: HGETALL by ioredis and nothing else, in a process of its own: node floor.js <redis url> <auto-pipelining>
import { Redis } from 'ioredis';
import { answerParent } from '../processes/child-side.js';

const [redisUrl = '', autoPipelining] = process.argv.slice(2);
const client = new Redis(redisUrl, { enableAutoPipelining: autoPipelining === 'true' });

export interface FloorOrder {
  readonly keys: readonly string[];
  readonly concurrency: number;
  readonly milliseconds: number;
}

export interface FloorResult {
  readonly commandsPerSecond: number;
  readonly cpuPerCommand: number;
}

answerParent({ run: (order) => run(order as FloorOrder) });

/** So many callers, each of which asks for the next session as soon as it has one. */
async function run({ keys, concurrency, milliseconds }: FloorOrder): Promise<FloorResult> {
  const start = performance.now();
  const end = start + milliseconds;
  const cpu = process.cpuUsage();
  let commands = 0;
  const caller = async () => {
    while (performance.now() < end) {
      const key = keys[commands++ % keys.length] ?? '';
      const hash = await client.hgetall(key);
      if (hash['identity'] === undefined) throw new Error('There is no session where one was expected.');
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  const { user, system } = process.cpuUsage(cpu);
  return { commandsPerSecond: (commands / (performance.now() - start)) * 1_000, cpuPerCommand: (user + system) / commands };
}
