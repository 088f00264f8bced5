import type { AbstractHttpAdapter, HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { identifyRequest, type FastifySessions } from './fastify/fastify-sessions.js';
import { RedisSessionConfigError } from './redis-session.errors.js';

type Done = (error?: Error) => void;
type RequestHook = (request: FastifyRequest, reply: FastifyReply, done: Done) => unknown;

/** Nest's adapter to Fastify. */
interface FastifyAdapter {
  getInstance(): FastifyInstance;
  use(...args: unknown[]): unknown;
  /** Since 11.1.6. What it is given runs before everything else, and takes the place of what it was given before. */
  setOnRequestHook?(hook: RequestHook): void;
  readonly onRequestHook?: RequestHook | undefined;
}

/** By adapter, the hooks of our modules, and what runs them. */
const slots = new WeakMap<FastifyAdapter, { readonly hooks: RequestHook[]; readonly run: RequestHook }>();

/** Whether an application runs on Fastify; false while that is not known. */
export function isFastify(httpAdapter: AbstractHttpAdapter | undefined): boolean {
  return httpAdapter?.getType() === 'fastify';
}

/** Mounts the sessions of one module on an application that runs on Fastify. */
export class FastifyMount {
  #adapter: FastifyAdapter | undefined;
  #failure: Error | undefined;

  /** @param routes those that have a session: where all have, it can be loaded before everything else */
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly sessions: FastifySessions,
    private readonly routes: 'all' | 'some' | 'none',
  ) {
    if (routes === 'none') return;
    if (this.#findAdapter()) this.#mount();
    // In a test the adapter is made after the modules. What fails here would be nobody's.
    else host.init$?.subscribe(() => this.#mountLater());
  }

  /** Throws if the application cannot have sessions. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.routes !== 'none' && this.#adapter === undefined && this.#findAdapter()) this.#mount();
  }

  /** Throws if somebody has taken the place of the hook that loads the sessions. */
  checkHook(): void {
    const slot = this.#adapter && slots.get(this.#adapter);
    if (slot === undefined || this.#adapter?.onRequestHook === slot.run) return;
    throw new RedisSessionConfigError([
      'The hook that loads the sessions must stay on the adapter, and something has called setOnRequestHook() of the FastifyAdapter after RedisSessionModule was imported. Add your hook to Fastify instead: app.getHttpAdapter().getInstance().addHook("onRequest", …).',
    ]);
  }

  #findAdapter(): boolean {
    const { httpAdapter } = this.host as { readonly httpAdapter: AbstractHttpAdapter | undefined };
    if (isFastify(httpAdapter)) this.#adapter = httpAdapter as unknown as FastifyAdapter;
    return this.#adapter !== undefined;
  }

  #mountLater(): void {
    try {
      if (this.#adapter === undefined && this.#findAdapter()) this.#mount();
    } catch (error) {
      this.#failure = error as Error;
    }
  }

  #mount(): void {
    const { sessions } = this;
    const servesAll = this.routes === 'all';
    const adapter = this.#adapter as FastifyAdapter;
    const instance = adapter.getInstance();
    sessions.install(instance);
    if (adapter.setOnRequestHook !== undefined) addToSlot(adapter, servesAll ? sessions.onRequest.bind(instance) : identify);
    else if (servesAll) useFirst(adapter, sessions);
  }
}

function identify(request: FastifyRequest, _reply: FastifyReply, done: Done): void {
  identifyRequest(request);
  done();
}

/** Ours in the order of the modules, and then what somebody had put there. */
function addToSlot(adapter: FastifyAdapter, hook: RequestHook): void {
  const present = slots.get(adapter);
  if (present !== undefined) return void present.hooks.push(hook);
  const { onRequestHook: before } = adapter;
  const hooks = [hook];
  const run: RequestHook = (request, reply, done) => {
    // As in most applications.
    if (hooks.length === 1 && before === undefined) return void hook(request, reply, done);
    const runFrom = (index: number): void => {
      const next = hooks[index];
      if (next !== undefined) next(request, reply, (error) => (error ? done(error) : runFrom(index + 1)));
      else if (before === undefined) done();
      else runOther(adapter, before, [request, reply, done]);
    };
    runFrom(0);
  };
  slots.set(adapter, { hooks, run });
  adapter.setOnRequestHook?.(run);
}

/** As the adapter does: it may call back, return a promise, or throw. */
function runOther(adapter: FastifyAdapter, hook: RequestHook, [request, reply, done]: Parameters<RequestHook>): void {
  let isDone = false;
  const doneOnce: Done = (error) => {
    if (isDone) return;
    isDone = true;
    done(error);
  };
  try {
    const result = hook.call(adapter, request, reply, doneOnce);
    if (result instanceof Promise) result.then(() => doneOnce(), doneOnce);
  } catch (error) {
    doneOnce(error as Error);
  }
}

/** Before 11.1.6: as the first middleware, and without middie (`skipMiddie`) as a hook. */
function useFirst(adapter: FastifyAdapter, sessions: FastifySessions): void {
  const instance = adapter.getInstance();
  if (typeof (instance as { use?: unknown }).use === 'function') adapter.use(sessions.handle);
  else instance.addHook('onRequest', sessions.onRequest);
}
