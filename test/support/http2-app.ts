import { once } from 'node:events';
import { connect, createServer, type Http2ServerRequest, type Http2ServerResponse, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';

/** What a server of HTTP/2 answered. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A server of HTTP/2 without TLS on a free port of 127.0.0.1, and a client for it. */
export interface Http2App {
  ask(path: string, headers?: OutgoingHttpHeaders, method?: string): Promise<Http2Answer>;
  close(): Promise<void>;
}

export async function serveHttp2(listener: (request: Http2ServerRequest, response: Http2ServerResponse) => void): Promise<Http2App> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    ask: async (path, headers = {}, method = 'GET') => {
      const stream = client.request({ ':path': path, ':method': method, ':authority': 'shop.example', ...headers });
      const answered = once(stream, 'response') as Promise<[Record<string, string | string[]>]>;
      stream.setEncoding('utf8').end();
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      const [{ ':status': status, ...rest }] = await answered;
      const received = Object.entries(rest).flatMap(([name, value]) => [value].flat().map((one): [string, string] => [name, one]));
      return { status: Number(status), headers: new Headers(received), text };
    },
    close: async () => {
      const closed = once(server, 'close');
      client.destroy();
      server.close();
      await closed;
    },
  };
}
