import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** A connection whose other end is this object. */
class MemorySocket extends Socket {
  sent = '';

  override _write(chunk: Uint8Array, _encoding: unknown, done: () => void): void {
    this.sent += Buffer.from(chunk).toString('latin1');
    process.nextTick(done);
  }

  override _writev(chunks: { chunk: Uint8Array; encoding: BufferEncoding }[], done: () => void): void {
    for (const { chunk, encoding } of chunks) this.sent += Buffer.from(chunk as never, encoding).toString('latin1');
    process.nextTick(done);
  }

  override _final(done: () => void): void {
    done();
  }

  override _read(): void {
    // The client says nothing more.
  }
}

/** A response of Node's HTTP/1 server on a connection in memory. */
export interface MemoryResponse {
  readonly response: ServerResponse;
  /** What the client has received. */
  readonly sent: string;
  /** The client goes. */
  leave(): void;
}

/** @param isWaiting whether another response of the connection has to leave before it */
export function memoryResponse({ isWaiting = false } = {}): MemoryResponse {
  const socket = new MemorySocket();
  const request = new IncomingMessage(socket);
  Object.assign(request, { method: 'GET', httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.sendDate = false;
  if (!isWaiting) response.assignSocket(socket);
  socket.on('drain', () => tellOfDrain(response));
  return {
    response,
    get sent() {
      return socket.sent;
    },
    leave: () => void socket.destroy(),
  };
}

/** As Node's server does it, which is not there. */
function tellOfDrain(response: ServerResponse): void {
  if (!response.writableNeedDrain) return;
  const needDrain = Object.getOwnPropertySymbols(response).find(({ description }) => description === 'kNeedDrain');
  if (needDrain !== undefined) Object.assign(response, { [needDrain]: false });
  response.emit('drain');
}
