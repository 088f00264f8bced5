import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { SessionStoreUnavailableError, type CrossOriginReason } from '../redis-session.errors.js';
import type { SessionEventMap } from './session-event-map.js';

/** How the names of all channels begin. */
const PREFIX = 'nestjs-redis-session:';

/** The store was asked for the session of a request, or of the handshake of a socket. A request without a session cookie asks for nothing. */
export interface LoadDiagnostics {
  /**
   * What it came to: `found`; `none` if there is no such session (any more), or the secret is not good; `ended` if somebody else has ended it
   * within five minutes; `failed` if the store did not answer.
   */
  readonly result: 'found' | 'none' | 'ended' | 'failed';
  /**
   * How long the request has waited for it.
   *
   * @unit ms
   */
  readonly duration: number;
  /** Of `failed`, why: the `reason` of `SessionStoreUnavailableError`, or `error` for anything else. */
  readonly reason?: string | undefined;
}

/** The changes of a session were stored: before a response left, or by `session.save()`. Sign-ins and other calls have events of their own. */
export interface CommitDiagnostics {
  /**
   * What it came to: `stored`; `lost` if the session had ended meanwhile; `refused` if the session must not be stored as it is (a limit, an
   * entry that is no data); `failed` if the store did not answer.
   */
  readonly result: 'stored' | 'lost' | 'refused' | 'failed';
  /** @unit ms */
  readonly duration: number;
  /** Of `failed`, why: the `reason` of `SessionStoreUnavailableError`, or `error` for anything else. */
  readonly reason?: string | undefined;
}

/** Entries were written to a session, by a commit, a sign-in or whatever else makes or changes one. */
export interface SaveDiagnostics {
  /** Whether the session is new. */
  readonly isNew: boolean;
  /**
   * How large the session is now: names and JSON of its entries, as `store.maxBytes` counts them.
   *
   * @unit bytes
   */
  readonly bytes: number;
}

/** Two were in each other's way, and no data was lost. */
export interface ConflictDiagnostics {
  /**
   * `id-in-use`: a new session got an id that another session has, and was not stored. `changed-meanwhile`: a session was changed by another
   * request while it was about to get a new id, or one of its entries while it was compared and set, and the step was made again.
   */
  readonly reason: 'id-in-use' | 'changed-meanwhile';
}

/** A request, or the handshake of a socket, was refused since a page of another site may have sent it. */
export interface CsrfRefusedDiagnostics {
  readonly reason: CrossOriginReason;
}

/** A request needed its session while the store did not answer: its client gets 503, unless your code catches the error. Once for each request. */
export interface UnavailableDiagnostics {
  /** The `reason` of `SessionStoreUnavailableError`. */
  readonly reason: string;
}

/** A session of connect-redis has become one of this package (`store.migrate`), by a request, by `convertRest()` or by the command line. Told by the process that did it. */
export interface ConvertedDiagnostics {
  /** False for a visitor's. */
  readonly isSignedIn: boolean;
}

/** A socket has got its session. */
export interface SocketOpenedDiagnostics {
  /** False for a visitor's. */
  readonly isSignedIn: boolean;
}

/** A socket has closed whose opening was told. */
export interface SocketClosedDiagnostics extends SocketOpenedDiagnostics {
  /**
   * What `socketOpened` carried when this socket opened: the same object. If you count open sockets, count only those whose opening you were told of: you may
   * have subscribed later than somebody else.
   */
  readonly opened: SocketOpenedDiagnostics;
  /** Why its session was over by then, in a word; `undefined` if it was not. */
  readonly reason?: string | undefined;
}

/**
 * What `node:diagnostics_channel` publishes on `nestjs-redis-session:<name>`, by name: what this process does with sessions. No message holds
 * a session id, secret, cookie, Redis key or entry. Those of `SessionEvents` hold the handle and the user; no other does.
 *
 * ```ts
 * subscribe('nestjs-redis-session:load', (message) => {
 *   const { result, duration } = message as SessionDiagnostics['load'];
 * });
 * ```
 *
 * @publicApi
 */
export interface SessionDiagnostics extends SessionEventMap {
  load: LoadDiagnostics;
  commit: CommitDiagnostics;
  save: SaveDiagnostics;
  conflict: ConflictDiagnostics;
  csrfRefused: CsrfRefusedDiagnostics;
  unavailable: UnavailableDiagnostics;
  converted: ConvertedDiagnostics;
  socketOpened: SocketOpenedDiagnostics;
  socketClosed: SocketClosedDiagnostics;
}

/** One of Node's channels, with what it carries. Ask `hasSubscribers` before you make a message or read a clock for it: nearly always there are none. */
export interface DiagnosticsChannel<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

type Channels = { readonly [Name in keyof SessionDiagnostics]: DiagnosticsChannel<SessionDiagnostics[Name]> };

/** By name. Everybody who loads a copy of this package shares them, as Node has each channel once. */
export const diagnostics: Channels = {
  load: open('load'),
  commit: open('commit'),
  save: open('save'),
  conflict: open('conflict'),
  csrfRefused: open('csrfRefused'),
  unavailable: open('unavailable'),
  converted: open('converted'),
  socketOpened: open('socketOpened'),
  socketClosed: open('socketClosed'),
  created: open('created'),
  loggedIn: open('loggedIn'),
  adopted: open('adopted'),
  loggedOut: open('loggedOut'),
  rotated: open('rotated'),
  destroyed: open('destroyed'),
  revoked: open('revoked'),
  evicted: open('evicted'),
  lost: open('lost'),
  rejected: open('rejected'),
  reused: open('reused'),
};

function open<Name extends keyof SessionDiagnostics>(name: Name): DiagnosticsChannel<SessionDiagnostics[Name]> {
  return channel(PREFIX + name);
}

/** Until you call what it returns. What the listener throws ends the process, as with any subscriber of Node's channels. */
export function onDiagnostics<Name extends keyof SessionDiagnostics>(
  name: Name,
  listener: (message: SessionDiagnostics[Name]) => void,
): () => void {
  const receive = (message: unknown) => listener(message as SessionDiagnostics[Name]);
  subscribe(PREFIX + name, receive);
  return () => void unsubscribe(PREFIX + name, receive);
}

/** Tells that a client is to be answered 503. */
export function tellUnavailable({ reason }: SessionStoreUnavailableError): void {
  if (diagnostics.unavailable.hasSubscribers) diagnostics.unavailable.publish({ reason });
}

/** Tells of a new session that cannot have its id, or of a step that has to be made again. */
export function tellConflict(reason: ConflictDiagnostics['reason']): void {
  if (diagnostics.conflict.hasSubscribers) diagnostics.conflict.publish({ reason });
}

/** Tells of a session of connect-redis that was made one of this package. */
export function tellConverted(isSignedIn: boolean): void {
  if (diagnostics.converted.hasSubscribers) diagnostics.converted.publish({ isSignedIn });
}

/** Why a call of the store has failed, in a word that is safe to log. */
export function reasonOf(error: unknown): string {
  return error instanceof SessionStoreUnavailableError ? error.reason : 'error';
}
