import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { StreamableFile, RequestMethod } from '@nestjs/common';
import { AbstractHttpAdapter } from '@nestjs/core';
import { serialize, type SerializeOptions } from 'cookie';

/** A request as a framework without Express makes it: a subclass with a constructor and a private field of its own. */
export class NodeRequest extends IncomingMessage {
  readonly #arrived: object;
  readonly originalUrl: string;
  params: Record<string, string> = {};
  body: unknown;

  constructor(socket: Socket) {
    super(socket);
    this.#arrived = { socket };
    // Node sets the URL after it has made the request.
    this.originalUrl = '';
    Object.defineProperty(this, 'originalUrl', { get: () => this.url ?? '/' });
  }

  /** Fails where somebody has put another object in the place of the request. */
  get arrival(): object {
    return this.#arrived;
  }

  get path(): string {
    return this.#url.pathname;
  }

  get query(): Record<string, string> {
    return Object.fromEntries(this.#url.searchParams);
  }

  get(name: string): string | string[] | undefined {
    return this.headers[name.toLowerCase()];
  }

  get #url(): URL {
    return new URL(this.url ?? '/', 'http://host');
  }
}

/** Its response, with a few of the methods that people know from Express. */
export class NodeResponse extends ServerResponse<NodeRequest> {
  #sent = false;

  status(code: number): this {
    this.statusCode = code;
    return this;
  }

  set(name: string, value: string): this {
    return this.setHeader(name, value);
  }

  type(type: string): this {
    return this.setHeader('Content-Type', type.includes('/') ? type : `text/${type}`);
  }

  cookie(name: string, value: string, options: SerializeOptions = {}): this {
    return this.appendHeader('Set-Cookie', serialize(name, value, { path: '/', ...options }));
  }

  redirect(url: string): void {
    this.#sent = true;
    this.status(302).setHeader('Location', url).end();
  }

  json(body: unknown): this {
    if (!this.hasHeader('Content-Type')) this.setHeader('Content-Type', 'application/json; charset=utf-8');
    return this.send(JSON.stringify(body));
  }

  send(body?: string | Buffer | object): this {
    if (typeof body === 'object' && !Buffer.isBuffer(body)) return this.json(body);
    this.#sent = true;
    if (body !== undefined && !this.hasHeader('Content-Type')) this.setHeader('Content-Type', 'text/html; charset=utf-8');
    return this.end(body);
  }

  get isSent(): boolean {
    return this.#sent;
  }
}

// oxlint-disable-next-line typescript/no-unsafe-function-type -- as Nest has it
type NestFunction = Function;
type Next = (error?: unknown) => void;
type Handler = (request: NodeRequest, response: NodeResponse, next: Next) => unknown;
type ErrorHandler = (error: unknown, request: NodeRequest, response: NodeResponse, next: Next) => unknown;

interface Layer {
  readonly method: string | undefined;
  readonly pattern: RegExp;
  readonly handler: Handler | ErrorHandler;
}

/** A router as small as can be: layers in the order in which they were added. */
class Router {
  readonly #layers: Layer[] = [];

  add(method: string | undefined, path: string, handler: Handler | ErrorHandler, isPrefix = false): void {
    this.#layers.push({ method, pattern: patternOf(path, isPrefix), handler });
  }

  handle(request: NodeRequest, response: NodeResponse): void {
    let index = 0;
    const next: Next = (error) => {
      const layer = this.#layers[index++];
      if (layer === undefined) return response.status(error === undefined ? 404 : statusOf(error)).end() as never;
      const match = isFor(layer, request) ? layer.pattern.exec(request.path) : null;
      if (match === null || takesError(layer) !== (error !== undefined)) return next(error);
      request.params = Object.fromEntries(Object.entries(match.groups ?? {}).map(([name, text]) => [name, decodeURIComponent(text)]));
      void call(layer, { error, request, response, next });
    };
    next();
  }
}

function takesError({ handler }: Layer): boolean {
  return handler.length === 4;
}

async function call(
  layer: Layer,
  { error, request, response, next }: { error: unknown; request: NodeRequest; response: NodeResponse; next: Next },
): Promise<void> {
  try {
    if (takesError(layer)) await (layer.handler as ErrorHandler)(error, request, response, next);
    else await (layer.handler as Handler)(request, response, next);
  } catch (thrown) {
    next(thrown);
  }
}

function isFor({ method }: Layer, request: NodeRequest): boolean {
  return method === undefined || method === request.method || (method === 'GET' && request.method === 'HEAD');
}

function statusOf(error: unknown): number {
  return (error as { statusCode?: number } | null)?.statusCode ?? 500;
}

/** Of a path as Nest writes it: `:name`, `*name` and `{*name}`. */
function patternOf(path: string, isPrefix: boolean): RegExp {
  const source = path
    .replace(/\/$/, '')
    .replaceAll(/[.$()]/g, String.raw`\$&`)
    .replaceAll(/\/?\{?\/?\*(\w*)\}?/g, '(?:/.*)?')
    .replaceAll(/:(\w+)/g, '(?<$1>[^/]+)');
  return new RegExp(
    `^${source.startsWith('/') || source.startsWith('(') || source === '' ? '' : '/'}${source}${isPrefix ? '(?=/|$)' : '/?$'}`,
  );
}

/**
 * A reduced adapter of Nest's of the type `node`, on which nothing is of Express: its requests and responses are subclasses of Node's, as those of
 * `@nestjs/platform-node` are.
 */
export class NodeAdapter extends AbstractHttpAdapter<Server, NodeRequest, NodeResponse> {
  readonly #router = new Router();

  constructor() {
    super();
    const add = (method: string | undefined) => (path: string | Handler, handler?: Handler) =>
      typeof path === 'function' ? this.#router.add(method, '{*path}', path) : this.#router.add(method, path, handler as Handler);
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];
    const byMethod = methods.map((method) => [method.toLowerCase(), add(method)]);
    this.setInstance({ ...Object.fromEntries(byMethod), all: add(undefined), use: (...args: unknown[]) => this.#use(args) });
  }

  #use([path, ...handlers]: unknown[]): void {
    if (typeof path === 'function') return this.#use(['/', path, ...handlers]);
    for (const handler of handlers) this.#router.add(undefined, String(path), handler as Handler, true);
  }

  override initHttpServer(): void {
    const listener = (request: NodeRequest, response: NodeResponse) => this.#router.handle(request, response);
    this.httpServer = createServer({ IncomingMessage: NodeRequest, ServerResponse: NodeResponse }, listener) as unknown as Server;
  }

  override listen(...args: unknown[]): Server {
    return this.httpServer.listen(...(args as [number]));
  }

  override close(): Promise<void> {
    return new Promise((resolve) => this.httpServer.close(() => resolve()));
  }

  override registerParserMiddleware(): void {
    const parse = async (request: NodeRequest, next: Next) => {
      try {
        if (request.headers['content-type']?.includes('json') === true) request.body = await json(request);
        next();
      } catch (error) {
        next(Object.assign(error as Error, { statusCode: 400 }));
      }
    };
    const parser: Handler = (request, _response, next) => void parse(request, next);
    this.use(parser);
  }

  override createMiddlewareFactory(method: RequestMethod) {
    const name = method === RequestMethod.ALL || (method as number) === -1 ? undefined : RequestMethod[method];
    return (path: string, handler: NestFunction): void =>
      this.#router.add(name, path, handler as unknown as Handler, !path.includes('*') && name === undefined);
  }

  override reply(response: NodeResponse, body: unknown, statusCode?: number): void {
    if (statusCode !== undefined) response.status(statusCode);
    if (body === undefined || body === null) response.end();
    else if (body instanceof StreamableFile) body.getStream().pipe(response);
    else response.send(typeof body === 'object' || typeof body === 'string' ? body : JSON.stringify(body));
  }

  override status(response: NodeResponse, statusCode: number): void {
    response.status(statusCode);
  }

  override end(response: NodeResponse, message?: string): void {
    response.end(message);
  }

  override redirect(response: NodeResponse, statusCode: number, url: string): void {
    response.status(statusCode).setHeader('Location', url).end();
  }

  override setErrorHandler(handler: ErrorHandler): void {
    this.use((error: unknown, request: NodeRequest, response: NodeResponse, next: Next) => handler(error, request, response, next));
  }

  override setNotFoundHandler(handler: Handler): void {
    this.use((request: NodeRequest, response: NodeResponse, next: Next) => handler(request, response, next));
  }

  override isHeadersSent(response: NodeResponse): boolean {
    return response.headersSent;
  }

  override getHeader(response: NodeResponse, name: string): unknown {
    return response.getHeader(name);
  }

  override setHeader(response: NodeResponse, name: string, value: string): void {
    response.setHeader(name, value);
  }

  override appendHeader(response: NodeResponse, name: string, value: string): void {
    response.appendHeader(name, value);
  }

  override getRequestHostname(request: NodeRequest): string {
    return request.headers.host ?? '';
  }

  override getRequestMethod(request: NodeRequest): string {
    return request.method ?? 'GET';
  }

  override getRequestUrl(request: NodeRequest): string {
    return request.url ?? '/';
  }

  override getType(): string {
    return 'node';
  }

  override applyVersionFilter(handler: NestFunction): () => NestFunction {
    return handler as never;
  }

  override render(): never {
    throw new Error('This adapter has no views.');
  }

  override useStaticAssets(): never {
    throw new Error('This adapter serves no files.');
  }

  override setViewEngine(): never {
    throw new Error('This adapter has no views.');
  }

  override enableCors(): never {
    throw new Error('This adapter has no CORS.');
  }
}
