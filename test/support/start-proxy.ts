import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { freeLastingPort } from './free-port.js';

/** A TCP proxy that can behave as badly as a network does. */
export interface ChaosProxy {
  readonly port: number;
  /** How many connections it has accepted so far. */
  readonly accepted: number;
  /** Drops every connection and refuses new ones. */
  cut(): Promise<void>;
  /** Keeps and accepts connections, and forwards nothing. */
  stall(): void;
  /** Forwards what clients say on the connections that are open, and nothing of what they are answered. */
  stallAnswers(): void;
  /** Forwards again, first of all what was held back on connections that are still open. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1 in front of the server on `targetPort`. */
export async function startProxy(targetPort: number): Promise<ChaosProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let stalled = false;
  let accepted = 0;

  const server = createServer((downstream) => {
    accepted++;
    const upstream = connect(targetPort, '127.0.0.1');
    const pair = [downstream, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      downstream.destroy();
      upstream.destroy();
    };
    for (const [from, to] of [pair, [upstream, downstream] as const]) {
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', end);
      from.on('close', end);
      if (stalled) from.pause();
    }
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const cut = async () => {
    const closed = server.listening ? once(server, 'close') : undefined;
    server.close();
    for (const [downstream, upstream] of pairs) {
      downstream.destroy();
      upstream.destroy();
    }
    await closed;
  };
  const port = await listen(await freeLastingPort());

  return {
    port,
    get accepted() {
      return accepted;
    },
    cut,
    stall: () => {
      stalled = true;
      for (const socket of [...pairs].flat()) socket.pause();
    },
    stallAnswers: () => {
      for (const [, upstream] of pairs) upstream.pause();
    },
    heal: async () => {
      stalled = false;
      for (const socket of [...pairs].flat()) socket.resume();
      if (!server.listening) await listen(port);
    },
    stop: cut,
  };
}
