import { afterEach, beforeEach } from '@jest/globals';
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

/** In ms: the defaults, which other tests make longer. */
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
  const end = async () => {
    await ongoing?.end(harness.redis, proxy);
    ongoing = undefined;
  };
  // Before the hooks of the harness, which need a Redis in order.
  afterEach(async () => {
    await end();
    await proxy.stop();
  });
  const harness = useVariant(variant);
  beforeEach(async () => {
    proxy = await startProxy(harness.redis.port);
  });
  const address = () => ({ host: '127.0.0.1', port: proxy.port });

  const impatient = (options?: HarnessOptions): HarnessOptions => ({
    redis: { ...address(), commandTimeout: COMMAND_TIMEOUT },
    ...options,
    store: { deadline: DEADLINE, ...options?.store },
  });

  return {
    harness,
    get address() {
      return address();
    },
    get proxy() {
      return proxy;
    },
    open: (options) => harness.open(impatient(options)),
    openUnscripted: (options) => harness.openUnscripted(impatient(options)),
    openPatient: (options) => harness.open({ redis: address(), ...options }),
    begin: async (outage) => {
      ongoing = outage;
      await outage.begin(harness.redis, proxy);
    },
    end,
  };
}

/** Resolves when the application answers again. */
export function recovered(browser: Browser): Promise<void> {
  return until(async () => (await browser.get('/whoami')).status === 200, 'the application has recovered');
}
