import { CONNECT_TIMEOUT } from '../fresh-connections.js';
import type { FreshConnection, FreshQuestion, NodeClient } from '../redis-port.js';
import type { Connection } from './connection.js';
import { OwnConnection } from './own-connection.js';

const PING = ['PING'];

/** A client for one server, or for one node of a Cluster. */
export class NodeRedisNode implements NodeClient {
  constructor(private readonly connection: Connection) {}

  get isReady(): boolean {
    return this.connection.isReady;
  }

  ping(): Promise<unknown> {
    return this.connection.client.sendCommand(PING);
  }

  onReady(listener: () => void): () => void {
    return this.connection.events.on('ready', listener);
  }

  /** While it is connecting, it goes on with that by itself: a second attempt beside its own would leave a connection behind. */
  reconnect(): void {
    const { client } = this.connection;
    if (!client.isReady) return;
    client.destroy();
    client.connect().catch(() => undefined); // It goes on trying, and the outage is logged.
  }

  askAnew({ onConnected, onAnswer }: FreshQuestion): FreshConnection {
    const connection = new OwnConnection(this.connection.client, CONNECT_TIMEOUT);
    connection.client.once('connect', onConnected);
    connection
      .connect()
      .then(() => connection.client.sendCommand(PING))
      .then(() => onAnswer(), onAnswer);
    return { drop: () => connection.end() };
  }
}
