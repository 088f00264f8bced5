import { emitWarning } from '../../session/warn-once.js';
import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { answerWithin } from '../../session/deadline.js';
import { decodeMessage, encodeEvent, encodeGreeting, EVENT_NAMES } from '../../session/event-message.js';
import { callHarmlessly } from '../../session/harmless-call.js';
import type { SessionEventMap, SessionEventName } from '../../session/session-event-map.js';
import { Sessions } from '../../session/sessions.js';
import type { SessionStore } from '../../session/store/session-store.js';
import { redisPortOf } from '../client/redis-clients.js';
import type { RedisClient } from '../client/redis-connection.js';
import { toStoreError } from '../client/redis-errors.js';
import type { RedisPort, RedisSubscriber } from '../client/redis-port.js';
import { retryDelay } from '../client/retry-delay.js';
import { RedisKeys } from '../store/redis-keys.js';

/** Events on their way to Redis. A Redis that is slower than that gets no more of them. */
const MOST_UNDERWAY = 1_000;
/** Between two outages that are logged. */
const SILENCE_MS = 60_000;

/**
 * Shares the events of a store with the other processes that use the same Redis and prefix, through Redis pub/sub. `RedisSessionModule`
 * does it with `store.events: 'cluster'`; use this class without the module, or with a store of your own.
 *
 * ```ts
 * const channel = new RedisEventChannel(redis, store);
 * channel.open();
 * SessionEvents.of(store).on('revoked', ({ handle, remote }) => …);
 * ```
 *
 * An event is sent once and not waited for, and in a Cluster one may overtake another. What happens while Redis is away, or a process'
 * connection to it, never reaches that process. So use it to know sooner, not to decide whether a session is alive. Only the event itself
 * is sent; anything else that arrives is ignored. Redis' channels know no databases, so applications that share a server need a prefix
 * each.
 *
 * @publicApi
 */
export class RedisEventChannel {
  readonly #origin = randomUUID();
  readonly #channel: string;
  #trouble: Trouble | undefined;
  #leave: (() => void)[] = [];
  #subscriber: RedisSubscriber | undefined;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #underway = 0;

  readonly #port: RedisPort;
  readonly #sessions: Sessions;

  /**
   * @param client sends the events, and stays the caller's to configure and close; receiving them takes a connection besides, made like this one
   * @param log gets one line when events cannot be shared and one when they can again; by default a warning of the process
   */
  constructor(
    client: RedisClient,
    store: SessionStore,
    private readonly log: (message: string) => void = emitWarning,
  ) {
    this.#port = redisPortOf(client);
    this.#sessions = Sessions.of(store);
    this.#channel = new RedisKeys(this.#sessions.settings.prefix).events();
  }

  /** Begins to share, and goes on until `close` is called. A Redis that is away is waited for. */
  open(): void {
    if (this.#leave.length > 0) return;
    this.#trouble = new Trouble(this.log, () => this.#probe());
    this.#leave = EVENT_NAMES.map((name) => this.#sessions.events.on(name, (event) => this.#publish(name, event)));
    this.#subscribe();
  }

  /** Ends it, within `store.deadline`. Never rejects. */
  async close(): Promise<void> {
    for (const leave of this.#leave) leave();
    this.#leave = [];
    clearTimeout(this.#retry);
    this.#trouble?.close();
    this.#trouble = undefined;
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    await subscriber?.close(this.#sessions.settings.deadline);
  }

  #publish<Name extends SessionEventName>(name: Name, event: SessionEventMap[Name]): void {
    if (event.remote === true) return;
    const message = encodeEvent(this.#origin, name, event);
    if (message === undefined) return;
    // What waited for a connection would arrive late, and fill the memory until then.
    if (this.#port.isReady && this.#underway < MOST_UNDERWAY) this.#send(message);
    else this.#trouble?.begin('connection');
  }

  /** What comes back to its sender has gone both ways. */
  #greet(): void {
    this.#send(encodeGreeting(this.#origin));
  }

  #probe(): void {
    if (this.#port.isReady) this.#greet();
  }

  #send(message: string): void {
    this.#underway++;
    // Of an application's own client, which may let a command go without an answer.
    answerWithin(this.#sessions.settings.deadline, this.#port.publish(this.#channel, message))
      .catch((error: unknown) => this.#trouble?.begin(toStoreError(error).reason))
      .finally(() => this.#underway--);
  }

  /** One connection after the other, since one that is subscribed can do nothing else, and in a Cluster each may lead to another node. */
  #subscribe(): void {
    const subscriber = this.#port.subscriber();
    this.#subscriber = subscriber;
    if (subscriber === undefined) return this.#subscribeLater();
    subscriber.onEnd(() => {
      if (this.#subscriber !== subscriber) return;
      void subscriber.close(this.#sessions.settings.deadline);
      this.#subscribeLater();
    });
    subscriber
      .subscribe(this.#channel, (text) => this.#receive(text))
      .then(() => {
        this.#attempt = 0;
        this.#greet();
      })
      .catch((error: unknown) => {
        if (this.#subscriber === subscriber) this.#trouble?.begin(toStoreError(error).reason);
        subscriber.disconnect();
      });
  }

  #subscribeLater(): void {
    this.#attempt++;
    // One broken connection is mended at once.
    if (this.#attempt > 1) this.#trouble?.begin('connection');
    this.#retry = setTimeout(() => this.#subscribe(), retryDelay(this.#attempt));
  }

  #receive(text: string): void {
    const { origin, told } = decodeMessage(text) ?? {};
    if (origin === this.#origin) this.#trouble?.end();
    else if (told !== undefined) this.#sessions.events.emit(told.name, told.event);
  }
}

/** Logs once that events cannot be shared, and once that they can again, which it finds out by probing. */
class Trouble {
  #isLogged = false;
  #silentUntil = 0;
  #next: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: (message: string) => unknown,
    private readonly probe: () => void,
  ) {}

  begin(reason: string): void {
    const now = performance.now();
    // While a Cluster comes back, some of what is sent arrives and some does not.
    if (this.#isLogged || now < this.#silentUntil) return;
    this.#isLogged = true;
    this.#silentUntil = now + SILENCE_MS;
    this.#tell(`Session events are not shared with other processes (${reason}). Those of now are lost to them; this is logged once.`);
    this.#probeLater(1);
  }

  end(): void {
    if (!this.#isLogged) return;
    this.#isLogged = false;
    clearTimeout(this.#next);
    this.#tell('Session events are shared with other processes again.');
  }

  close(): void {
    clearTimeout(this.#next);
  }

  #probeLater(attempt: number): void {
    this.#next = setTimeout(() => {
      this.probe();
      this.#probeLater(attempt + 1);
    }, retryDelay(attempt));
  }

  /** Most of it happens outside of any request, where nobody would catch what a logger throws, or what its promise rejects with. */
  #tell(message: string): void {
    callHarmlessly(() => this.log(message), warn);
  }
}

function warn(error: unknown): void {
  process.emitWarning(`The log of session events failed: ${inspect(error)}`, { type: 'SessionLoggerError' });
}
