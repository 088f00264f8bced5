import type { IncomingMessage } from 'node:http';
import type { ArgumentsHost, ExecutionContext } from '@nestjs/common';
import { requestUnderWay } from '../http/request/request-context.js';
import { stateOf, type RequestState } from '../http/request/request-state.js';
import { isFrameworkRequest, type FrameworkRequest } from '../http/request/state-holder.js';
import { SessionMisuseError } from '../redis-session.errors.js';
import type { SessionRuntime } from '../http/request/session-runtime.js';
import { beginOn, isOpened, stateOfOperation, type OperationConnection, type OperationSocket } from './operation-sockets.js';

/** In the arguments of a resolver: parent, arguments, context, info. */
const CONTEXT_OF_OPERATION = 2;

/** What GraphQL servers put into the context of an operation. Nest adds `req`, and an application's own `context` may take all of it away. */
interface OperationContext extends Partial<WebSocketContext> {
  /** In Apollo Server, and where Nest has added it to that of mercurius. Over a WebSocket, what graphql-ws knows of it. */
  readonly req?: unknown;
  /** In mercurius, over a WebSocket. */
  readonly request?: unknown;
  readonly app?: { readonly websocketServer?: { readonly clients: Iterable<NodeWebSocket> } };
}

/** What graphql-ws knows of a WebSocket. */
interface WebSocketContext {
  readonly extra: { readonly request: IncomingMessage; readonly socket: OperationSocket };
}

/** One of the package ws. */
interface NodeWebSocket extends OperationSocket {
  readonly _socket?: unknown;
}

/** By the context of a GraphQL operation: requests that only an application's own guard knows to find. */
const foundByGuards = new WeakMap<object, IncomingMessage>();

/** Whether Nest calls a resolver of GraphQL. */
export function isOperation(host: ArgumentsHost): boolean {
  return host.getType<string>() === 'graphql';
}

/** Whether Nest calls a message handler of a gateway. */
export function isMessage(host: ArgumentsHost): boolean {
  return host.getType() === 'ws';
}

/**
 * The request that Nest is handling, as Node has it; `undefined` where it handles something else, such as the message of a queue. Of a GraphQL
 * operation over a WebSocket, it is the handshake.
 */
export function requestIn(context: ArgumentsHost): IncomingMessage | undefined {
  if (isOperation(context)) return requestOfOperation(context);
  // Its arguments have the socket, which all of its messages share.
  if (isMessage(context)) return requestUnderWay();
  // In the place of the request, other contexts have what they like.
  return nodeRequest(context.switchToHttp().getRequest());
}

/** Lets a GraphQL operation that came by a WebSocket see the session of that. Does nothing for one that came by HTTP. */
export async function beginOperation(
  context: ArgumentsHost,
  request: IncomingMessage,
  runtime: SessionRuntime,
  isPassive: boolean,
): Promise<void> {
  const operation = operationContext(context);
  if (operation === undefined) return;
  const connection = connectionOf(operation) ?? (isUnknownHandshake(request) ? { handshake: request, socket: undefined } : undefined);
  if (connection !== undefined) await beginOn(connection, operation, runtime, isPassive);
}

/** What a guard has found by its own means is the request for decorators too. Elsewhere than in GraphQL there is nothing else to find. */
export function rememberRequest(context: ArgumentsHost, request: IncomingMessage): void {
  const operation = operationContext(context);
  if (operation !== undefined && requestOfOperation(context) !== request) foundByGuards.set(operation, request);
}

function requestOfOperation(context: ArgumentsHost): IncomingMessage | undefined {
  const operation = operationContext(context);
  if (operation === undefined) return undefined;
  return foundByGuards.get(operation) ?? connectionOf(operation)?.handshake ?? nodeRequest(operation.req);
}

function operationContext(context: ArgumentsHost): OperationContext | undefined {
  if (!isOperation(context)) return undefined;
  const found = context.getArgByIndex<unknown>(CONTEXT_OF_OPERATION);
  return isObject(found) ? found : undefined;
}

function connectionOf({ req, request, extra, app }: OperationContext): OperationConnection | undefined {
  const known = isObject(req) && 'extra' in req ? (req as Partial<WebSocketContext>).extra : extra;
  if (isUpgrade(known?.request)) return { handshake: known.request, socket: known.socket };
  const handshake = nodeRequest(request);
  if (!isUpgrade(handshake)) return undefined;
  const sockets = [...(app?.websocketServer?.clients ?? [])];
  return { handshake, socket: sockets.find(({ _socket }) => _socket === handshake.socket) };
}

/** Whether it opens a WebSocket. */
function isUpgrade(request: IncomingMessage | undefined): request is IncomingMessage {
  const { headers } = (request ?? {}) as Partial<IncomingMessage>;
  return headers?.upgrade?.toLowerCase() === 'websocket';
}

function nodeRequest(found: unknown): IncomingMessage | undefined {
  if (!isObject(found)) return undefined;
  const request = found as IncomingMessage | FrameworkRequest;
  return isFrameworkRequest(request) ? request.raw : request;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** The session state of the request that Nest is handling. */
export function stateIn(context: ExecutionContext): RequestState {
  return requireStateOf(requestIn(context), context);
}

/** The session state of a request that was found in that context. */
export function requireStateOf(request: IncomingMessage | undefined, context: ExecutionContext): RequestState {
  const state = findStateOf(request, context);
  if (state === undefined) throw new SessionMisuseError(reasonOfNone(context.getType(), isOverSocket(context)));
  return state;
}

/** The same; `undefined` where no session middleware ran. */
export function findStateOf(request: IncomingMessage | undefined, context: ExecutionContext): RequestState | undefined {
  if (request === undefined) return undefined;
  // What a middleware has loaded for a handshake nobody has checked, and it gets old.
  const isSocket = isOpened(request) || isOverSocket(context);
  return isSocket ? stateOfOperation(operationContext(context), request) : stateOf(request);
}

/** Whether it is a GraphQL operation that came by a WebSocket. */
export function isOverSocket(context: ArgumentsHost): boolean {
  const operation = operationContext(context);
  return operation !== undefined && connectionOf(operation) !== undefined;
}

/** Whether it opens a WebSocket that no middleware has seen: Node gives those to whoever listens, and to no middleware. */
function isUnknownHandshake(request: IncomingMessage): boolean {
  return stateOf(request) === undefined && isUpgrade(request);
}

function reasonOfNone(type: string, isSocket: boolean): string {
  if (type === 'http')
    return 'No session middleware ran for this request. Import RedisSessionModule in the root module, and see that "exclude" and "forRoutes" cover this route.';
  if (type === 'graphql' && isSocket)
    return 'Nobody has loaded the session of this WebSocket. Put SessionGuard before the resolver, with @Public() if it is open to everybody.';
  if (type === 'graphql')
    return 'There is no request with a session in the context of this GraphQL operation. See that "exclude" and "forRoutes" of RedisSessionModule cover the path of GraphQL, and that your "context" function keeps the request as "req", or override requestOf() in a subclass of SessionGuard.';
  if (type === 'ws')
    return 'This message has no session: nobody has checked the handshake of its socket. Put SessionSockets of nestjs-redis-session/websocket into the "providers" of your root module.';
  if (type === 'rpc')
    return 'A message of a microservice brings no session. Send the handle and the user id of the sender along, and check them with SessionManager.get(): see docs/jobs-and-microservices.md. Where the guard is global, open this handler with @Public().';
  return `There is no session in a context of type "${type}": sessions are those of HTTP requests. Keep SessionGuard, @Session() and @Identity() to controllers and resolvers; where the guard is global, open this handler with @Public(), and guard it in another way.`;
}
