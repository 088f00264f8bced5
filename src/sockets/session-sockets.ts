import type { IncomingMessage } from 'node:http';
import { Injectable, type WebSocketAdapter } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { runInContextOf } from '../http/request/request-context.js';
import type { RequestState } from '../http/request/request-state.js';
import { SessionRuntime } from '../http/request/session-runtime.js';
import type { Identity } from '../nest/identity.decorator.js';
import { RedisSessionConfigError, SessionMisuseError } from '../redis-session.errors.js';
import type { Handle } from '../session/sid.js';
import { enhanceGateways } from './gateway-enhancers.js';
import { gatewaysOf, isOpenAt } from './gateways.js';
import { MessageTransport } from './message-transport.js';
import { openSocket } from './open-socket.js';
import { guardIoServer, type IoNamespace, type IoServer } from './socket-io-server.js';
import { warnOfUnsaved, type SocketSession } from './socket-session.js';
import { guardWsServer, type WsServer } from './ws-server.js';

/**
 * Who may have a socket of a server.
 *
 * @publicApi
 */
export interface AttachOptions {
  /**
   * Whether everybody may, signed in or not. Sockets of visitors have no identity.
   *
   * @default false
   */
  open?: boolean | undefined;
}

type Handler = { readonly callback: (...args: never[]) => unknown };

/** What we use of an adapter: two methods that every one has. */
interface Adapter {
  create(port: number, options?: { readonly path?: string | undefined }): object;
  bindMessageHandlers(client: object, handlers: readonly Handler[], transform: unknown): unknown;
}

const installed = new WeakMap<ApplicationConfig, SessionSockets>();

/**
 * Gives the sockets of your gateways the session of their handshake. Put it into the `providers` of your root module, and nothing else:
 *
 * ```ts
 * providers: [SessionSockets, ChatGateway]
 * ```
 *
 * A socket opens only for a signed-in user, from a page of your own origin; a gateway with `@Public()` is open to visitors too. In message
 * handlers, `SessionGuard`, `@Identity()` and `@Session()` work as in controllers, and what they see is at most `store.recheckAfter` seconds
 * old. When the session ends, the socket is closed: over ws with 1008 and the reason, over socket.io after the event `session-ended`.
 *
 * For gateways of socket.io 4 and ws 8, through Nest's adapters or your own. Give servers that you make yourself to {@link attach}.
 *
 * @publicApi
 */
@Injectable()
export class SessionSockets {
  readonly #runtime: SessionRuntime;
  readonly #modules: ModulesContainer;
  readonly #sessions = new WeakMap<object, SocketSession>();
  readonly #wrapped = new WeakSet<object>();
  readonly #servers = new WeakSet<object>();

  constructor(runtime: SessionRuntime, modules: ModulesContainer, config: ApplicationConfig) {
    this.#runtime = runtime;
    this.#modules = modules;
    const first = installed.get(config);
    if (first === undefined) this.#install(config);
    else if (!first.#runtime.isSameAs(runtime)) throw ofTwoModules();
    // Its sockets are those of this one, too.
    else this.#sessions = first.#sessions;
  }

  /**
   * Does the same for a server of socket.io 4 or ws 8 that Nest has not made. Call it before the first socket opens.
   *
   * Throws `SessionMisuseError` for anything else.
   */
  attach(server: object, { open = false }: AttachOptions = {}): void {
    const sessions = this.#sessions;
    this.#guard(
      server,
      () => open,
      // One function for all sockets: each of its own would take room for as long as the socket is open.
      function () {
        sessions.get(this)?.noteActivity();
      },
    );
  }

  /**
   * Who is signed in, as last looked at; `undefined` for a visitor, for a session that has ended, and for what is no socket. For
   * `handleConnection` and for sending to some sockets only. In message handlers, `@Identity()` gives you the same.
   *
   * @param client the socket, as your gateway gets it
   */
  identityOf(client: object): Identity | undefined {
    return this.#sessions.get(client)?.identity;
  }

  /** The handle of the session that the socket was opened with; `undefined` where there is none (any more). */
  handleOf(client: object): Handle | undefined {
    return this.#sessions.get(client)?.handle;
  }

  #install(config: ApplicationConfig): void {
    installed.set(config, this);
    enhanceGateways(this.#modules);
    const present = config.getIoAdapter() as WebSocketAdapter | null;
    if (present !== null) this.#wrap(present);
    const setIoAdapter = config.setIoAdapter.bind(config);
    // The only moment at which every adapter passes by: the one of `useWebSocketAdapter()`, and the one that Nest makes itself.
    config.setIoAdapter = (adapter) => {
      this.#wrap(adapter);
      setIoAdapter(adapter);
    };
  }

  #wrap(given: object): void {
    if (this.#wrapped.has(given)) return;
    this.#wrapped.add(given);
    const adapter = given as Adapter;
    const create = adapter.create.bind(adapter);
    const bindMessageHandlers = adapter.bindMessageHandlers.bind(adapter);
    adapter.create = (port, options) => {
      const server = create(port, options);
      const gateways = gatewaysOf(this.#modules);
      this.#guard(server, (namespace) => isOpenAt(gateways, port, options?.path, namespace));
      return server;
    };
    adapter.bindMessageHandlers = (client, handlers, transform) => {
      const session = this.#sessions.get(client);
      const known = session === undefined ? handlers : handlers.map((handler) => inMessages(session, handler));
      return bindMessageHandlers(client, known, transform);
    };
  }

  /**
   * @param isOpen whether everybody may have a socket of that namespace
   * @param onMessage where no handler of Nest gets the messages
   */
  #guard(given: object, isOpen: (namespace: string) => boolean, onMessage?: (this: object) => void): void {
    const server = serverOf(given);
    if (this.#servers.has(server)) return;
    this.#servers.add(server);
    const open = (request: IncomingMessage, isOpenTo: boolean, isRequestKept: boolean) =>
      openSocket(this.#runtime, request, isOpenTo, MessageTransport, isRequestKept);
    if (isWsServer(server)) guardWsServer(server, (request) => open(request, isOpen('/'), false), this.#sessions, onMessage);
    else if (isIoServer(server))
      guardIoServer(server, (request, namespace) => open(request, isOpen(namespace), true), isOpen, this.#sessions, onMessage);
    else throw unknownServer();
  }
}

/** Each message sees the session as it was at most `store.recheckAfter` ago. */
function inMessages(session: SocketSession, handler: Handler): Handler {
  const { callback } = handler;
  // Bound, and no function of its own around it: each socket has one for each handler.
  return { ...handler, callback: handleMessage.bind(undefined, session, callback) };
}

function handleMessage(session: SocketSession, callback: Handler['callback'], ...args: never[]): unknown {
  const state = session.message();
  return state instanceof Promise
    ? state.then((asked) => handleWith(session, asked, callback, args))
    : handleWith(session, state, callback, args);
}

function handleWith(session: SocketSession, state: RequestState, callback: Handler['callback'], args: never[]): unknown {
  const result = runInContextOf(state.transport.request, () => callback(...args));
  // Only now it is known whether the handler is passive.
  const end = () => {
    warnOfUnsaved(state);
    if (!state.isPassive) session.noteActivity();
  };
  if (result instanceof Promise) void result.then(end, end);
  return result;
}

/** Of a namespace its server. */
function serverOf(given: object): object {
  const { server } = given as { readonly server?: object };
  return isNamespace(given) && server !== undefined ? server : given;
}

function isNamespace(given: object): given is IoNamespace {
  return 'name' in given && 'use' in given && 'server' in given;
}

function isIoServer(server: object): server is IoServer {
  return 'opts' in server && 'sockets' in server && 'of' in server;
}

function isWsServer(server: object): server is WsServer {
  return 'handleUpgrade' in server && 'options' in server && 'clients' in server;
}

function unknownServer(): SessionMisuseError {
  return new SessionMisuseError(
    'SessionSockets needs a server of socket.io 4 or ws 8, and was given another. Take it out of "providers", and check the sockets of that server yourself.',
  );
}

function ofTwoModules(): RedisSessionConfigError {
  return new RedisSessionConfigError([
    '"SessionSockets" must not be a provider of modules that import different RedisSessionModules: a socket has the session of one of them. Provide it once, beside the module whose users have sockets.',
  ]);
}
