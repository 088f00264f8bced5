import type { ServerResponse } from 'node:http';
import { putCookie, setsCookie, takeOffCookie } from '../http/cookie/response-cookies.js';
import { RequestCookieFacts } from '../http/request/cookie-facts.js';
import { decideCookie, type CookieFacts } from '../http/request/cookie-decision.js';
import { sessionHeader } from '../http/request/session-headers.js';
import { refusesChange } from '../http/request/passive-request.js';
import { existingSession } from '../http/request/session-access.js';
import { addVary } from '../http/response/response-headers.js';
import type { SecretState } from '../session/session-record.js';
import { isChangedFor } from './change-probe.js';
import type { ExpressSessionTransport } from './express-session-transport.js';
import type { ExpressStoreFacade } from './express-store-facade.js';

// What is done around the methods of a response that express-session wraps too. What is put there first comes closest to Node.

/** Before a head leaves that express-session has written: it does not know all that belongs there. */
export function finishHead(transport: ExpressSessionTransport): void {
  around(transport.response, 'writeHead', (writeHead) => {
    correctCookie(transport);
    if (transport.wasAsked) addVary(transport.response, 'Cookie');
    return writeHead();
  });
}

/** express-session never clears a cookie, does not say that an expiry was taken off, and sets the cookie of a session also where the browser has a newer one. */
function correctCookie({ state, response, runtime, isTouched }: ExpressSessionTransport): void {
  const { name } = runtime.cookie;
  const facts = new FactsBeforeSave(state, isTouched && !state.isPassive);
  const action = decideCookie(facts);
  const isSet = setsCookie(response, name);
  if (action === 'nothing' && isSet && (state.loaded !== undefined || state.isPassive)) takeOffCookie(response, name);
  // Of a cookie for https only it says nothing over http, of which the application is to be warned.
  const isLeftOut = action === 'set' && !isSet && (facts.isSidNew || facts.isCookieChanged);
  const header = action === 'clear' || isLeftOut ? sessionHeader(state, action) : undefined;
  if (header !== undefined) putCookie(response, name, header.value);
}

/** The head leaves before the session is stored, so what will be counts as if it were. */
class FactsBeforeSave extends RequestCookieFacts {
  override get outgoing(): CookieFacts['outgoing'] {
    const left = super.outgoing;
    if (left !== 'unstored') return left;
    const { state } = this;
    // It takes a session with another id for a changed one.
    const isSaved = (state.transport.runtime.settings.saveUninitialized && !state.isPassive) || state.isReplaced || this.isWritten;
    return isSaved ? 'stored' : left;
  }

  override get isWritten(): boolean {
    const used = existingSession(this.state);
    return used !== undefined && isChangedFor(used) && !this.#isRefused;
  }

  override get isCookieChanged(): boolean {
    return super.isCookieChanged && !this.#isRefused;
  }

  /** Whether the save will refuse what has changed. */
  get #isRefused(): boolean {
    const { current } = this.state;
    return current !== undefined && refusesChange(this.state, current);
  }

  /**
   * The secret that it came with stays good as long as nobody presents the new one. Nobody can be asked any more, so that of a rotation long ago is not
   * sent at all.
   */
  override get secret(): SecretState | undefined {
    return this.state.current?.active.isRotationReplaceable === true ? 'previous' : super.secret;
  }
}

/**
 * express-session would throw in the midst of `res.end`, after which no answer is ever sent. It begins to save before it writes the head, so this
 * looks first at both.
 */
export function leaveOutBadCookie({ state, response, runtime }: ExpressSessionTransport): void {
  for (const name of ['writeHead', 'end'] as const)
    around(response, name, (call) => {
      const used = existingSession(state);
      try {
        used?.checkCookie();
      } catch (error) {
        runtime.logError(error);
        used?.resetCookie();
      }
      return call();
    });
}

/** Lets express-session see the change probe where it looks at the session again: before the head of the response, and at its end. */
export function lookThroughProbe(transport: ExpressSessionTransport, store: ExpressStoreFacade): void {
  for (const name of ['writeHead', 'end'] as const)
    around(transport.response, name, (call) => {
      const wasLooking = transport.isLooking;
      transport.isLooking = true;
      store.end(transport.state);
      try {
        return call();
      } finally {
        store.end(undefined);
        transport.isLooking = wasLooking;
      }
    });
}

function around(response: ServerResponse, name: 'writeHead' | 'end', wrapper: (call: () => ServerResponse) => ServerResponse): void {
  const method = response[name] as (...args: unknown[]) => ServerResponse;
  response[name] = function (this: ServerResponse, ...args: unknown[]) {
    return wrapper(() => Reflect.apply<ServerResponse, unknown[], ServerResponse>(method, this, args));
  };
}
