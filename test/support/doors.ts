import { once } from 'node:events';
import type { INestApplication, WebSocketAdapter } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { io, type Socket } from 'socket.io-client';
import { WebSocket } from 'ws';

/** Why a client got no socket. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  readonly reason?: string | undefined;
}

/** What a gateway has answered: `answer` with what its handler returned, or `exception`. */
export interface Reply {
  readonly event: string;
  readonly data: unknown;
}

/** A real client with an open socket. */
export interface Client {
  /** Sends a message, and waits for the next one of the server. */
  ask(event: string, data?: unknown): Promise<Reply>;
  /** Sends a message and waits for nothing. */
  tell(event: string, data?: unknown): void;
  /** Why the server has closed the socket, once it has; for good. */
  readonly ended: Promise<string>;
  /** Whether the server has not closed it yet. */
  readonly isOpen: boolean;
  close(): Promise<void>;
}

/** How a client comes. */
export interface Coming {
  readonly cookie?: string | undefined;
  readonly headers?: Record<string, string>;
  /** Of a gateway with a path (ws) or namespace (socket.io) of its own. */
  readonly at?: string;
}

/** A kind of sockets. */
export interface Door {
  readonly name: string;
  adapter(app: INestApplication): WebSocketAdapter;
  /** Options of a gateway that clients reach by `at`. */
  at(name: string): object;
  connect(origin: string, coming?: Coming): Promise<Client | Refused>;
}

export const doors: readonly Door[] = [
  { name: 'ws', adapter: (app) => new WsAdapter(app), at: (path) => ({ path: `/${path}` }), connect: connectWs },
  ...(['websocket', 'polling'] as const).map((transport) => ({
    name: `socket.io by ${transport}`,
    adapter: (app: INestApplication) => new IoAdapter(app),
    at: (namespace: string) => ({ namespace }),
    connect: (origin: string, coming?: Coming) => connectIo(origin, transport, coming),
  })),
];

/** One of each kind. */
export const bothDoors = doors.filter(({ name }) => name !== 'socket.io by polling');

export function isClient(opened: Client | Refused): opened is Client {
  return 'ask' in opened;
}

/** Connects where that must succeed. */
export async function opened(door: Door, origin: string, coming?: Coming): Promise<Client> {
  const client = await door.connect(origin, coming);
  if (!isClient(client)) throw new Error(`The socket was refused: ${JSON.stringify(client)}`);
  return client;
}

async function connectWs(origin: string, { cookie, headers, at = '' }: Coming = {}): Promise<Client | Refused> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/${at}`, {
    headers: { ...(cookie === undefined ? {} : { cookie }), ...headers },
  });
  const refused = new Promise<Refused>((resolve, reject) => {
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, ...reasonIn(JSON.parse(body)) }));
    });
    socket.on('error', reject);
  });
  const waiting = new Replies();
  socket.on('message', (data: Buffer) => waiting.add(JSON.parse(data.toString()) as Reply));
  const open = once(socket, 'open').then(() => undefined);
  open.catch(() => undefined);
  const failed = await Promise.race([open, refused]);
  if (failed !== undefined) return failed;
  refused.catch(() => undefined);
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  const tell = (event: string, data?: unknown) => socket.send(JSON.stringify({ event, data }));
  return {
    ask: (event, data) => waiting.next(() => tell(event, data)),
    tell,
    ended: closed.then(([code, reason]) => `${code} ${reason.toString()}`.replace(/^1008 /, '')),
    get isOpen() {
      return socket.readyState === WebSocket.OPEN;
    },
    async close() {
      socket.close();
      await closed;
    },
  };
}

async function connectIo(
  origin: string,
  transport: 'websocket' | 'polling',
  { cookie, headers, at = '' }: Coming = {},
): Promise<Client | Refused> {
  const socket: Socket = io(`${origin}/${at}`, {
    transports: [transport],
    forceNew: true,
    extraHeaders: { ...(cookie === undefined ? {} : { cookie }), ...headers },
  });
  const failed = await new Promise<Refused | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined));
    socket.once('connect_error', (error) => resolve((error as Error & { data?: Refused }).data ?? { status: 0, code: error.message }));
  });
  if (failed !== undefined) {
    const isTryingAgain = socket.active;
    socket.disconnect();
    return isTryingAgain ? { ...failed, code: `${failed.code}, and tries again` } : failed;
  }
  const waiting = new Replies();
  for (const event of ['answer', 'exception']) socket.on(event, (data: unknown) => waiting.add({ event, data }));
  let reason = '';
  socket.on('session-ended', (end: { reason: string }) => (reason = end.reason));
  const ended = new Promise<string>((resolve) => {
    socket.on('disconnect', (why) =>
      resolve(`${reason}${why === 'io server disconnect' ? '' : ` (${why})`}${socket.active ? ', and comes back' : ''}`),
    );
  });
  return {
    ask: (event, data) => waiting.next(() => socket.emit(event, data)),
    tell: (event, data) => void socket.emit(event, data),
    ended,
    get isOpen() {
      return socket.connected;
    },
    async close() {
      socket.disconnect();
    },
  };
}

function reasonIn({ code, reason }: { code: string; reason?: string }): Pick<Refused, 'code' | 'reason'> {
  return reason === undefined ? { code } : { code, reason };
}

/** What the server sends, for one who asks at a time. */
class Replies {
  readonly #come: Reply[] = [];
  #take: ((reply: Reply) => void) | undefined;

  add(reply: Reply): void {
    if (this.#take === undefined) return void this.#come.push(reply);
    this.#take(reply);
    this.#take = undefined;
  }

  next(send: () => void): Promise<Reply> {
    return new Promise((resolve) => {
      const before = this.#come.shift();
      if (before !== undefined) return resolve(before);
      this.#take = resolve;
      send();
    });
  }
}
