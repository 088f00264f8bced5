import type { SessionEvent, SessionEventMap, SessionEventName } from './session-event-map.js';
import { isHandle } from './sid.js';

/** What a process has told the others. */
export interface EventMessage {
  /** Which process. */
  readonly origin: string;
  /** `undefined` in a greeting. Name and event belong together. */
  readonly told: { readonly name: SessionEventName; readonly event: SessionEvent & { readonly remote: true } } | undefined;
}

type Check = (value: unknown) => boolean;
type Fields<Name extends SessionEventName> = Readonly<Record<Exclude<keyof SessionEventMap[Name], 'remote'>, Check>>;

const VERSION = 1;
/** A user id may be as long as an entry; nothing else of an event is long. */
const LONGEST = 32_768;
const REASON = /^[\w.-]{1,64}$/;

const isText: Check = (value) => typeof value === 'string' && value !== '';
const isReason: Check = (value) => typeof value === 'string' && REASON.test(value);
const isPart: Check = (value) => value === 'session' || value === 'entry';
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

const FACTS = { handle: isHandle, userId: optional(isText) };
const FACTS_OF_USER = { handle: isHandle, userId: isText };

/** All that is ever sent of an event. What else is put into one stays here. */
const FIELDS: { readonly [Name in SessionEventName]: Fields<Name> } = {
  created: FACTS,
  loggedIn: { ...FACTS_OF_USER, replaced: optional(isHandle) },
  adopted: FACTS_OF_USER,
  loggedOut: FACTS_OF_USER,
  rotated: FACTS,
  destroyed: FACTS,
  revoked: { ...FACTS_OF_USER, reason: isReason },
  evicted: FACTS_OF_USER,
  lost: FACTS,
  rejected: { ...FACTS, what: isPart },
  reused: FACTS,
};

/** The name of every event. */
export const EVENT_NAMES = Object.keys(FIELDS) as readonly SessionEventName[];

/** An event as text for other processes; `undefined` when they would not take it. */
export function encodeEvent<Name extends SessionEventName>(origin: string, name: Name, event: SessionEventMap[Name]): string | undefined {
  const facts = factsOf(name, event);
  if (facts === undefined) return undefined;
  const text = JSON.stringify({ v: VERSION, from: origin, name, event: facts });
  return text.length > LONGEST ? undefined : text;
}

/** A message that tells of nothing: its sender sees by it whether messages get through. */
export function encodeGreeting(origin: string): string {
  return JSON.stringify({ v: VERSION, from: origin });
}

/** Reads a message, with its event marked as `remote`; `undefined` where it is none. Anybody may have sent it, so nothing of it is trusted. */
export function decodeMessage(text: string): EventMessage | undefined {
  if (text.length > LONGEST) return undefined;
  const { v, from, name, event } = propertiesOf(parse(text), ['v', 'from', 'name', 'event']);
  if (v !== VERSION || typeof from !== 'string') return undefined;
  if (name === undefined) return { origin: from, told: undefined };
  if (!isName(name)) return undefined;
  const facts = factsOf(name, event);
  // The check of `handle`, which every event has, is among those of its fields.
  return facts && { origin: from, told: { name, event: { ...(facts as SessionEvent), remote: true } } };
}

function factsOf(name: SessionEventName, event: unknown): object | undefined {
  const checks = Object.entries<Check>(FIELDS[name]);
  const facts = propertiesOf(
    event,
    checks.map(([field]) => field),
  );
  return checks.every(([field, isRight]) => isRight(facts[field])) ? facts : undefined;
}

function isName(name: unknown): name is SessionEventName {
  return typeof name === 'string' && Object.hasOwn(FIELDS, name);
}

/** Its own properties only, and of these only the ones that are asked for. */
function propertiesOf<Name extends string>(value: unknown, names: readonly Name[]): { readonly [Each in Name]?: unknown } {
  if (typeof value !== 'object' || value === null) return {};
  const found = names.filter((name) => Object.hasOwn(value, name));
  return Object.fromEntries(found.map((name) => [name, (value as Record<string, unknown>)[name]])) as { [Each in Name]?: unknown };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
