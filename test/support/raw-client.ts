import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { until } from './until.js';

/** An answer as it came over the wire. */
export interface RawAnswer {
  readonly statusLine: string;
  readonly status: number;
  /** Sorted, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** A TCP connection to an HTTP server, for looking at single bytes. Each byte is one character. */
export class RawClient {
  readonly #chunks: string[] = [];
  readonly #closed: Promise<unknown>;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (chunk: string) => this.#chunks.push(chunk));
    socket.on('error', () => undefined);
    this.#closed = once(socket, 'close');
  }

  static async connect(origin: string): Promise<RawClient> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Sends a request after whose answer the server closes the connection. */
  request(method: string, path: string, headers: Record<string, string> = {}): void {
    const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    this.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  get received(): string {
    return this.#chunks.join('');
  }

  /** How many pieces it came in. */
  get pieces(): number {
    return this.#chunks.length;
  }

  async receives(text: string): Promise<void> {
    await until(() => this.received.includes(text), `the client has received ${JSON.stringify(text)}`);
  }

  /** What came until the server closed the connection. */
  async answer(): Promise<RawAnswer> {
    await this.#closed;
    return parseAnswer(this.received);
  }

  /** Leaves without waiting for anything. */
  leave(): void {
    this.socket.destroy();
  }

  /** Stops reading, so that the server's buffers fill. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }
}

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)] as const);
  const sorted = headers.toSorted((a, b) => a.join().localeCompare(b.join()));
  const isChunked = sorted.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked');
  const body = rest.join('\r\n\r\n');
  return { statusLine, status: Number(statusLine.split(' ')[1]), headers: sorted, body: isChunked ? joinChunks(body) : body };
}

/** The values of the headers of that name. */
export function headerOf({ headers }: RawAnswer, wanted: string): string[] {
  return headers.filter(([name]) => name === wanted).map(([, value]) => value);
}

function joinChunks(text: string): string {
  let body = '';
  for (let at = 0; ;) {
    const end = text.indexOf('\r\n', at);
    const length = parseInt(text.slice(at, end), 16);
    if (end < 0 || !(length > 0)) return body;
    body += text.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
  }
}
