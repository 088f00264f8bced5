import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

const ENDED = '\r\n';
const INFO = 'redis_version:7.0.15\r\nrole:master\r\nloading:0\r\n';

/** Says to a client what a Redis says that is connected to, and answers every other command with an error. */
export interface RefusingServer {
  readonly port: number;
  /** What it answers with from now on. */
  refuseWith(error: string): void;
  stop(): Promise<void>;
}

export async function startRefusingServer(): Promise<RefusingServer> {
  let refusal = 'ERR';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      for (let command = commandOf(text); command !== undefined; command = commandOf(text)) {
        text = text.slice(command.length);
        socket.write(answerTo(command.name, refusal));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    refuseWith: (error) => {
      refusal = error;
    },
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The first command, where it has come whole: a list of texts, each with its length before it (the protocol of Redis, "RESP arrays"). */
function commandOf(text: string): { readonly name: string; readonly length: number } | undefined {
  const [count = ''] = text.split(ENDED, 1);
  if (!text.includes(ENDED)) return undefined;
  let at = count.length + ENDED.length;
  let name = '';
  for (let index = 0; index < Number(count.slice(1)); index++) {
    const end = text.indexOf(ENDED, at);
    if (end === -1) return undefined;
    const length = Number(text.slice(at + 1, end));
    const begin = end + ENDED.length;
    at = begin + length + ENDED.length;
    if (text.length < at) return undefined;
    if (index === 0) name = text.slice(begin, begin + length).toUpperCase();
  }
  return { name, length: at };
}

function answerTo(name: string, refusal: string): string {
  switch (name) {
    case 'HELLO':
      return `%3${ENDED}${bulk('server')}${bulk('redis')}${bulk('version')}${bulk('7.0.15')}${bulk('proto')}:3${ENDED}`;
    case 'INFO':
      return bulk(INFO);
    case 'PING':
      return `+PONG${ENDED}`;
    case 'CLIENT':
      return `+OK${ENDED}`;
    default:
      return `-${refusal}${ENDED}`;
  }
}

function bulk(text: string): string {
  return `$${text.length}${ENDED}${text}${ENDED}`;
}
