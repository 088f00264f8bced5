import { afterEach } from '@jest/globals';
import { UseGuards } from '@nestjs/common';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Identity, Public, Session, SessionGuard, SessionManager, type HttpSession, type StoreOptions } from '../../src/index.js';
import { SessionSockets } from '../../src/websocket.js';
import type { Browser } from './browser.js';
import { opened, type Client, type Coming, type Door } from './doors.js';
import { createScriptedApp, type AnySession, type ScriptedApp } from './scripted-app.js';
import type { TestAppOptions } from './create-app.js';

/** What a scripted message handler does. What it returns is answered. */
export type MessageScript = (session: AnySession, data: unknown) => unknown;

export interface SocketApp extends ScriptedApp {
  readonly door: Door;
  readonly manager: SessionManager;
  readonly sockets: SessionSockets;
  /** Answers the message `run` with that data. */
  onMessage(name: string, script: MessageScript): void;
  /** A browser in which somebody has signed in. */
  signedIn(user?: string): Promise<Browser>;
  /** Opens a socket with the cookies of a browser. Closed after the test. */
  connect(browser?: Browser, coming?: Coming): Promise<Client>;
}

export interface SocketAppOptions extends Omit<TestAppOptions, 'store'> {
  /** In memory, unless `redis` says where. */
  store?: StoreOptions & { events?: 'local' | 'cluster' };
}

/** What a gateway sends. */
export function answer(data: unknown) {
  return { event: 'answer', data: data ?? null };
}

/** Applications with a gateway whose handlers a test writes, closed after each test. Call in a `describe`. */
export function useSocketApps(door: Door) {
  const apps: ScriptedApp[] = [];
  const clients: Client[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  return async function open({ redis, store, providers = [], prepare, ...options }: SocketAppOptions = {}): Promise<SocketApp> {
    const scripts = new Map<string, MessageScript>();

    @UseGuards(SessionGuard)
    @WebSocketGateway()
    class ScriptedGateway {
      @SubscribeMessage('whoami')
      whoami(@Identity() who: Identity) {
        return answer(who);
      }

      @SubscribeMessage('run')
      async run(@Session() session: HttpSession, @MessageBody() [name, data]: [string, unknown]) {
        const script = scripts.get(name);
        return answer(await script?.(session as AnySession, data));
      }

      @Public()
      @SubscribeMessage('public')
      open(@Identity('id') id: string | undefined) {
        return answer({ id });
      }

      @SubscribeMessage('socket')
      socket(@ConnectedSocket() client: object) {
        return answer({ identity: app.sockets.identityOf(client), handle: app.sockets.handleOf(client) });
      }
    }

    const scripted = await createScriptedApp({
      ...options,
      ...(redis === undefined ? { store: { kind: 'memory', ...store } } : { redis, store }),
      providers: [SessionSockets, ScriptedGateway, ...providers],
      prepare: (nest) => {
        nest.useWebSocketAdapter(door.adapter(nest));
        prepare?.(nest);
      },
    });
    apps.push(scripted);
    const app: SocketApp = {
      ...scripted,
      door,
      manager: scripted.app.get(SessionManager),
      sockets: scripted.app.get(SessionSockets),
      onMessage: (name, script) => void scripts.set(name, script),
      async signedIn(user = 'ada') {
        const browser = scripted.browser();
        await browser.post(`/login/${user}`);
        return browser;
      },
      async connect(browser, coming) {
        const cookie = await browser?.jar.getCookieString(scripted.origin);
        const client = await opened(door, scripted.origin, { cookie, ...coming });
        clients.push(client);
        return client;
      },
    };
    return app;
  };
}
