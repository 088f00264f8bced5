// The process that makes requests, with autocannon. Checks every answer, so that nobody measures errors.
import autocannon from 'autocannon';
import { answerParent } from '../processes/child-side.js';
import type { LoadMark, LoadOrder, LoadVerdict } from './load-generator.js';

/** How often autocannon looks whether it is to stop. */
const STOP_WITHIN_MS = 50;
const NO_TIME_LIMIT_SECONDS = 3_600;

let running: Load | undefined;

class Load {
  #latencies: number[] = [];
  #marked = { at: performance.now(), cpu: cpuMicroseconds() };
  #wrong = 0;
  #firstWrong: string | undefined;
  #errors = 0;
  #connections = 0;
  #responses = 0;
  #waiting: { readonly responses: number; readonly resolve: () => void }[] = [];
  readonly #run: autocannon.Instance;
  readonly #ended: Promise<void>;

  constructor(private readonly order: LoadOrder) {
    const options: autocannon.Options = {
      url: order.url,
      connections: order.connections,
      duration: NO_TIME_LIMIT_SECONDS,
      sampleInt: STOP_WITHIN_MS,
      setupClient: (client) => client.setRequests(this.#requestsOf(this.#connections++)),
    };
    let ended: () => void = () => undefined;
    this.#ended = new Promise((resolve) => {
      ended = resolve;
    });
    this.#run = autocannon(options, () => ended());
    this.#run.on('response', (_client, _status, _bytes, milliseconds) => this.#received(milliseconds));
    this.#run.on('reqError', () => this.#errors++);
  }

  /** What happened since the last mark. */
  mark(): LoadMark {
    const now = { at: performance.now(), cpu: cpuMicroseconds() };
    const milliseconds = now.at - this.#marked.at;
    const sorted = Float64Array.from(this.#latencies).toSorted();
    const mark = {
      requestsPerSecond: (sorted.length / milliseconds) * 1_000,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      cpuShare: (now.cpu - this.#marked.cpu) / 1_000 / milliseconds,
    };
    this.#latencies = [];
    this.#marked = now;
    return mark;
  }

  /** Waits for so many more answers. */
  answers(count: number): Promise<void> {
    const responses = this.#responses + count;
    return new Promise((resolve) => this.#waiting.push({ responses, resolve }));
  }

  async stop(): Promise<LoadVerdict> {
    this.#run.stop();
    await this.#ended;
    return { wrong: this.#wrong, firstWrong: this.#firstWrong, errors: this.#errors };
  }

  #received(milliseconds: number): void {
    this.#latencies.push(milliseconds);
    this.#responses++;
    const done = this.#waiting.filter(({ responses }) => responses <= this.#responses);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !done.includes(one));
    for (const { resolve } of done) resolve();
  }

  /** Each connection goes round sessions of its own, so that no two ask for the same at once, unless there is only one. */
  #requestsOf(connection: number): autocannon.Request[] {
    const { method, path, requests, connections } = this.order;
    const own = requests.length < connections ? requests : requests.filter((_, index) => index % connections === connection);
    return own.map(({ cookie, answer }) => ({
      method,
      path,
      headers: cookie === undefined ? {} : { cookie },
      onResponse: (status, body) => {
        if (status >= 200 && status <= 299 && body === answer) return;
        this.#wrong++;
        this.#firstWrong ??= `${status} ${body.slice(0, 200)} instead of ${answer}`;
      },
    }));
  }
}

answerParent({
  start: (order) => {
    running = new Load(order as LoadOrder);
  },
  answers: (count) => running?.answers(Number(count)),
  mark: () => running?.mark(),
  stop: () => running?.stop(),
});

function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
