import type { ServerResponse } from 'node:http';
import { HEAD, throwHeadersSent } from './response-headers.js';

type Head = string | null;

/** Stands where the head of the response will. */
const NO_HEAD_YET = '\r\n';
const HEADER_METHODS = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/**
 * Makes `headersSent` true and lets nobody set a header, for a response that is buffered: an error handler that answers once more would
 * otherwise put its status and length on what was written.
 *
 * A response of Node's HTTP/1 server is given a head, which does all of that, also for code that looks at `_header` (compression before 1.7.5).
 * Others, such as those of HTTP/2, get properties of their own until {@link undo}.
 */
export class HeadersSentOverride {
  readonly #statusCode: number;
  readonly #statusMessage: string | undefined;
  readonly #head: Head | undefined;
  readonly #properties: OverridingProperties | undefined;

  constructor(private readonly response: ServerResponse) {
    this.#statusCode = response.statusCode;
    this.#statusMessage = hasStatusMessage(response) ? response.statusMessage : undefined;
    this.#head = replaceHead(response, NO_HEAD_YET);
    this.#properties = response.headersSent ? undefined : new OverridingProperties(response);
  }

  /** Restores the response, also where an error handler has set another status meanwhile. */
  undo(): void {
    const { response } = this;
    if (this.#head !== undefined) replaceHead(response, this.#head);
    this.#properties?.undo();
    if (response.statusCode !== this.#statusCode) response.statusCode = this.#statusCode;
    if (hasStatusMessage(response) && response.statusMessage !== this.#statusMessage)
      response.statusMessage = this.#statusMessage as string;
  }
}

/** HTTP/2 has none (RFC 9113, section 8.3.2), and Node warns when it is read. */
export function hasStatusMessage({ req }: ServerResponse): boolean {
  return (req as Partial<ServerResponse['req']> | undefined)?.httpVersionMajor !== 2;
}

/** Returns the head that was there; `undefined` where responses keep it in another way. */
function replaceHead(response: ServerResponse, head: Head): Head | undefined {
  if (!Object.hasOwn(response, HEAD)) return undefined;
  const node = response as unknown as { [HEAD]: Head };
  const { [HEAD]: before } = node;
  node[HEAD] = head;
  return before;
}

/** Overrides `headersSent` and the methods that change headers. A method that the response does not have it does not get. */
class OverridingProperties {
  readonly #before: [name: string, own: PropertyDescriptor | undefined][] = [];

  constructor(private readonly response: ServerResponse) {
    this.#put('headersSent', true);
    for (const name of HEADER_METHODS) if (typeof response[name] === 'function') this.#put(name, throwHeadersSent);
  }

  #put(name: string, value: unknown): void {
    this.#before.push([name, Object.getOwnPropertyDescriptor(this.response, name)]);
    Object.defineProperty(this.response, name, { configurable: true, writable: true, value });
  }

  undo(): void {
    for (const [name, own] of this.#before) {
      if (own === undefined) Reflect.deleteProperty(this.response, name);
      else Object.defineProperty(this.response, name, own);
    }
  }
}
