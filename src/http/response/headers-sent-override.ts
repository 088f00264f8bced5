import type { ServerResponse } from 'node:http';
import { refuse } from './response-headers.js';

/** Where Node has the head of a response once it is written: from then on it says that it is sent, and refuses to change it. */
const HEAD = '_header';

type Head = string | null;

/** Stands where the head of the response will. */
const NO_HEAD_YET = '\r\n';
const HEADER_METHODS = ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader'] as const;

/**
 * Makes a response look and behave as if its head were sent: it says so, and lets nobody change it. An error handler that answers once more
 * would otherwise put its status and length on the answer that is held.
 *
 * A response of Node's HTTP/1 server does all of that as soon as it has a head, also for those who ask for nothing else (compression before
 * 1.7.5). Others, as those of HTTP/2, get properties of their own for as long as it lasts.
 */
export class SentLook {
  readonly #statusCode: number;
  readonly #statusMessage: string | undefined;
  readonly #head: Head | undefined;
  readonly #covered: Cover | undefined;

  constructor(private readonly response: ServerResponse) {
    this.#statusCode = response.statusCode;
    this.#statusMessage = hasStatusMessage(response) ? response.statusMessage : undefined;
    this.#head = replaceHead(response, NO_HEAD_YET);
    this.#covered = response.headersSent ? undefined : new Cover(response);
  }

  /** Makes it what it was again, also where somebody has set another status meanwhile. */
  takeOff(): void {
    const { response } = this;
    if (this.#head !== undefined) replaceHead(response, this.#head);
    this.#covered?.takeOff();
    if (response.statusCode !== this.#statusCode) response.statusCode = this.#statusCode;
    if (hasStatusMessage(response) && response.statusMessage !== this.#statusMessage)
      response.statusMessage = this.#statusMessage as string;
  }
}

/** HTTP/2 has none (RFC 9113, section 8.3.2), and Node warns whoever looks at it. */
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

/** Properties of a response that say of it what is not so. A method that it does not have it does not get. */
class Cover {
  readonly #before: [name: string, own: PropertyDescriptor | undefined][] = [];

  constructor(private readonly response: ServerResponse) {
    this.#put('headersSent', true);
    for (const name of HEADER_METHODS) if (typeof response[name] === 'function') this.#put(name, refuse);
  }

  #put(name: string, value: unknown): void {
    this.#before.push([name, Object.getOwnPropertyDescriptor(this.response, name)]);
    Object.defineProperty(this.response, name, { configurable: true, writable: true, value });
  }

  takeOff(): void {
    for (const [name, own] of this.#before) {
      if (own === undefined) Reflect.deleteProperty(this.response, name);
      else Object.defineProperty(this.response, name, own);
    }
  }
}
