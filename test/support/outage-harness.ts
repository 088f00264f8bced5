import { afterEach, beforeEach } from '@jest/globals';
import type { Redis } from 'ioredis';
import { SESSION_REDIS } from '../../src/index.js';
import type { Browser } from './browser.js';
import type { TestApp } from './create-app.js';
import type { Outage } from './outages.js';
import type { ScriptedApp } from './scripted-app.js';
import { startProxy, type ChaosProxy } from './start-proxy.js';
import { until } from './until.js';
import { useVariant, type Harness, type HarnessOptions, type Variant } from './variants.js';

/** What a client is told while the store cannot be reached. */
export const UNAVAILABLE = {
  statusCode: 503,
  error: 'Service Unavailable',
  message: 'The session store is unavailable. Try again.',
  code: 'SESSION_STORE_UNAVAILABLE',
};

/** In ms: the defaults, by which an application goes during an outage. Before and after it has the patience of other tests. */
const DEADLINE = 1_000;
const COMMAND_TIMEOUT = 500;

/** A harness, and a proxy through which its applications reach Redis, so that Redis can fail them. */
export interface OutageHarness {
  readonly harness: Harness;
  /** Where applications find Redis. */
  readonly address: { readonly host: string; readonly port: number };
  /** That proxy, for what is no whole outage. */
  readonly proxy: ChaosProxy;
  /** Starts an application that finds Redis there. */
  open(options?: HarnessOptions): Promise<ScriptedApp>;
  /** The same without scripts: see {@link Harness}. */
  openUnscripted(options?: HarnessOptions): Promise<TestApp>;
  /** As `open`, for outages in which Redis answers, with an error: the application waits for that however busy the machine is. */
  openPatient(options?: HarnessOptions): Promise<ScriptedApp>;
  /** Lets Redis fail until `end`, or the end of the test. */
  begin(outage: Outage): Promise<void>;
  end(): Promise<void>;
}

/** Call in a `describe`. */
export function useOutages(variant: Variant): OutageHarness {
  let proxy: ChaosProxy;
  let ongoing: Outage | undefined;
  let patience: Patience[] = [];
  const end = async () => {
    await ongoing?.end(harness.redis, proxy);
    ongoing = undefined;
    for (const one of patience) one.regain();
  };
  // Before the hooks of the harness, which need a Redis in order.
  afterEach(async () => {
    await end();
    patience = [];
    await proxy.stop();
  });
  const harness = useVariant(variant);
  beforeEach(async () => {
    proxy = await startProxy(harness.redis.port);
  });
  const address = () => ({ host: '127.0.0.1', port: proxy.port });

  async function opened<App extends TestApp>(options: HarnessOptions = {}, open: (patient: HarnessOptions) => Promise<App>): Promise<App> {
    const { store: { deadline = DEADLINE, ...store } = {}, ...others } = options;
    const app = await open({ redis: address(), ...others, store });
    const client = options.redis === undefined ? await app.app.resolve<Redis>(SESSION_REDIS) : undefined;
    patience.push(patienceOf(app.sessions.settings, 'deadline', deadline));
    if (client !== undefined) patience.push(patienceOf(client.options, 'commandTimeout', COMMAND_TIMEOUT));
    return app;
  }

  return {
    harness,
    get address() {
      return address();
    },
    get proxy() {
      return proxy;
    },
    open: (options) => opened(options, (patient) => harness.open(patient)),
    openUnscripted: (options) => opened(options, (patient) => harness.openUnscripted(patient)),
    openPatient: (options) => harness.open({ redis: address(), ...options }),
    begin: async (outage) => {
      for (const one of patience) one.lose();
      ongoing = outage;
      await outage.begin(harness.redis, proxy);
    },
    end,
  };
}

interface Patience {
  lose(): void;
  regain(): void;
}

/** A time in ms among some settings that is another one during an outage. */
function patienceOf<Name extends string>(settings: { readonly [name in Name]?: number | undefined }, name: Name, during: number): Patience {
  const { [name]: before } = settings;
  return {
    lose: () => void Object.assign(settings, { [name]: during }),
    regain: () => void Object.assign(settings, { [name]: before }),
  };
}

/** Resolves when the application answers again. */
export function recovered(browser: Browser): Promise<void> {
  return until(async () => (await browser.get('/whoami')).status === 200, 'the application has recovered');
}
