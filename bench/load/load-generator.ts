/** What the loader process is told. */
export interface LoadOrder {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly connections: number;
  readonly requests: readonly { readonly cookie: string | undefined; readonly answer: string }[];
}

export interface LoadMark {
  readonly requestsPerSecond: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the loader itself by time: near 1 it is what limits. */
  readonly cpuShare: number;
}

export interface LoadVerdict {
  /** Answers that are not 2xx with the expected body. */
  readonly wrong: number;
  readonly firstWrong: string | undefined;
  readonly errors: number;
}
