import { expect, test } from '@jest/globals';
import { decideCookie, type CookieAction, type CookieFacts } from '../../src/http/request/cookie-decision.js';

/** A request that came with the cookie of a session, has read it, and changed nothing. */
const UNCHANGED: CookieFacts = {
  canSetHeaders: true,
  incoming: 'session',
  outgoing: 'stored',
  isSidNew: false,
  secret: 'current',
  isDestroyed: false,
  isReplaced: false,
  isWritten: false,
  isCookieChanged: false,
  willTouch: false,
  isPassive: false,
  rolling: 'touch',
  expiry: 'date',
};
/** The same without a cookie, or with one that opened nothing. */
const VISITOR: CookieFacts = { ...UNCHANGED, incoming: 'nothing', outgoing: 'nothing', secret: undefined };
const NEW: CookieFacts = { ...VISITOR, outgoing: 'unstored' };
const STORED_NOW: CookieFacts = { ...VISITOR, outgoing: 'stored', isSidNew: true, secret: 'current' };
/** Somebody else has ended the session of the cookie, which is known from what they have left. */
const ENDED: CookieFacts = { ...VISITOR, incoming: 'ended session' };
/** This request has called regenerate(). */
const REPLACED: CookieFacts = { ...UNCHANGED, outgoing: 'unstored', isReplaced: true, isSidNew: true, secret: undefined };
const DESTROYED: CookieFacts = { ...UNCHANGED, outgoing: 'nothing', isDestroyed: true, secret: undefined };

test.each<[string, CookieFacts, CookieAction]>([
  // Without a session
  ['no cookie, and nobody has asked for the session', VISITOR, 'nothing'],
  ['no cookie, rolling', { ...VISITOR, rolling: true }, 'nothing'],
  ['the load failed', { ...VISITOR, incoming: 'unknown' }, 'nothing'],
  ['the load failed, rolling', { ...VISITOR, incoming: 'unknown', rolling: true }, 'nothing'],
  ['new, nothing put into it, so not stored', NEW, 'nothing'],
  ['new, not stored, rolling', { ...NEW, rolling: true }, 'nothing'],
  ['new, not stored, its cookie changed', { ...NEW, isCookieChanged: true }, 'nothing'],
  // New ones
  ['new and stored (also by saveUninitialized)', STORED_NOW, 'set'],
  ['new and stored, with a cookie that ends with the browser', { ...STORED_NOW, expiry: 'browser' }, 'set'],
  ['new and stored, rolling false', { ...STORED_NOW, rolling: false }, 'set'],
  ['new, stored by save(), and ended since by somebody else', { ...STORED_NOW, outgoing: 'lost' }, 'nothing'],
  ['new, stored and destroyed by the same request', { ...VISITOR, isDestroyed: true }, 'nothing'],
  // Unchanged
  ['unchanged', UNCHANGED, 'nothing'],
  ['unchanged, rolling true', { ...UNCHANGED, rolling: true }, 'set'],
  ['unchanged, rolling true, ends with the browser', { ...UNCHANGED, rolling: true, expiry: 'browser' }, 'set'],
  ['unchanged, rolling false', { ...UNCHANGED, rolling: false }, 'nothing'],
  ['touched, rolling on touch', { ...UNCHANGED, willTouch: true }, 'set'],
  ['touched, rolling on touch, ends with the browser', { ...UNCHANGED, willTouch: true, expiry: 'browser' }, 'nothing'],
  ['touched, rolling on touch, expiry taken off', { ...UNCHANGED, willTouch: true, expiry: 'taken off' }, 'nothing'],
  ['touched (also by resave), rolling false', { ...UNCHANGED, willTouch: true, rolling: false }, 'nothing'],
  ['found ended when it was touched', { ...UNCHANGED, outgoing: 'lost', willTouch: true }, 'nothing'],
  ['found ended, rolling true', { ...UNCHANGED, outgoing: 'lost', rolling: true }, 'nothing'],
  // Changed
  ['entries changed', { ...UNCHANGED, isWritten: true }, 'set'],
  ['entries changed, rolling false', { ...UNCHANGED, isWritten: true, rolling: false }, 'set'],
  ['entries changed, ends with the browser', { ...UNCHANGED, isWritten: true, expiry: 'browser' }, 'nothing'],
  ['entries changed, expiry taken off', { ...UNCHANGED, isWritten: true, expiry: 'taken off' }, 'set'],
  ['entries changed, found ended when it was saved', { ...UNCHANGED, outgoing: 'lost', isWritten: true }, 'nothing'],
  ['cookie changed', { ...UNCHANGED, isCookieChanged: true }, 'set'],
  ['cookie changed, rolling false', { ...UNCHANGED, isCookieChanged: true, rolling: false }, 'set'],
  ['cookie changed to end with the browser', { ...UNCHANGED, isCookieChanged: true, expiry: 'browser' }, 'set'],
  // Other secrets
  ['presents a new secret for the first time', { ...UNCHANGED, secret: 'unconfirmed' }, 'nothing'],
  ['rotated by this request', { ...UNCHANGED, isSidNew: true }, 'set'],
  ['rotated, rolling false, ends with the browser', { ...UNCHANGED, isSidNew: true, rolling: false, expiry: 'browser' }, 'set'],
  ['rotated, and replaced by a parallel rotation', { ...UNCHANGED, isSidNew: true, secret: 'previous' }, 'nothing'],
  ['rotated, and found ended since', { ...UNCHANGED, isSidNew: true, outgoing: 'lost' }, 'nothing'],
  ['previous secret', { ...UNCHANGED, secret: 'previous' }, 'nothing'],
  ['previous secret, rolling true', { ...UNCHANGED, secret: 'previous', rolling: true }, 'nothing'],
  ['previous secret, touched', { ...UNCHANGED, secret: 'previous', willTouch: true }, 'nothing'],
  ['previous secret, entries changed', { ...UNCHANGED, secret: 'previous', isWritten: true }, 'nothing'],
  ['previous secret, cookie changed', { ...UNCHANGED, secret: 'previous', isCookieChanged: true }, 'nothing'],
  // Signed in or out
  ['signed in', { ...UNCHANGED, isSidNew: true, expiry: 'browser' }, 'set'],
  ['signed in, without a session before', STORED_NOW, 'set'],
  ['signed in by assignment, which wrote', { ...UNCHANGED, isSidNew: true, isWritten: true }, 'set'],
  ['signed in, and ended since by somebody else', { ...UNCHANGED, isSidNew: true, outgoing: 'lost' }, 'nothing'],
  ['destroyed, or signed out', DESTROYED, 'clear'],
  ['destroyed, rolling true', { ...DESTROYED, rolling: true }, 'clear'],
  ['signed in, then destroyed', { ...DESTROYED, isSidNew: true, isWritten: true }, 'clear'],
  ['unset, and so destroyed', DESTROYED, 'clear'],
  ['unset, and kept in the store', { ...UNCHANGED, outgoing: 'nothing', secret: undefined }, 'nothing'],
  // Replaced
  ['replaced by an empty one that is not stored', REPLACED, 'clear'],
  ['replaced by one that is stored', { ...REPLACED, outgoing: 'stored', secret: 'current' }, 'set'],
  ['replaced, then unset and kept', { ...REPLACED, outgoing: 'nothing' }, 'nothing'],
  ['replaced, then destroyed', { ...REPLACED, outgoing: 'nothing', isDestroyed: true }, 'clear'],
  ['destroyed, then begun anew and stored', { ...REPLACED, outgoing: 'stored', secret: 'current', isDestroyed: true }, 'set'],
  ['destroyed, then begun anew and not stored', { ...REPLACED, isDestroyed: true }, 'clear'],
  // Ended by somebody else
  ['ended by somebody else', ENDED, 'clear'],
  ['ended by somebody else, an empty one asked for', { ...ENDED, outgoing: 'unstored' }, 'clear'],
  ['ended by somebody else, and another begun', { ...ENDED, outgoing: 'stored', isSidNew: true, secret: 'current' }, 'set'],
  ['ended by somebody else, another begun, and ended too', { ...ENDED, outgoing: 'lost', isSidNew: true }, 'clear'],
  ['ended by somebody else, found by a request that only looks', { ...ENDED, isPassive: true }, 'nothing'],
  // Passive
  ['passive: signed in', { ...UNCHANGED, isPassive: true, isSidNew: true }, 'set'],
  ['passive: destroyed', { ...DESTROYED, isPassive: true }, 'clear'],
  // Too late
  ['late: new and stored', { ...STORED_NOW, canSetHeaders: false }, 'nothing'],
  ['late: changed', { ...UNCHANGED, isWritten: true, canSetHeaders: false }, 'nothing'],
  ['late: destroyed', { ...DESTROYED, canSetHeaders: false }, 'nothing'],
  ['late: ended by somebody else', { ...ENDED, canSetHeaders: false }, 'nothing'],
])('%s', (_case, facts, action) => {
  expect(decideCookie(facts)).toBe(action);
});
