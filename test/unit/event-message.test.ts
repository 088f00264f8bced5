import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeMessage, encodeEvent, encodeGreeting, EVENT_NAMES } from '../../src/session/event-message.js';
import type { SessionEventMap, SessionEventName } from '../../src/session/session-event-map.js';
import { generateSid, handleOf } from '../../src/session/sid.js';

const HANDLE = handleOf(generateSid());
const KNOWN = ['handle', 'userId', 'replaced', 'reason', 'what', 'remote'];

const handles = fc.constant(undefined).map(() => handleOf(generateSid()));
const userIds = fc.string({ unit: 'binary', minLength: 1, maxLength: 1_000 });

/** Whatever a sender of these events can put into one. */
const events = fc.record({
  name: fc.constantFrom(...EVENT_NAMES),
  event: fc.record({
    handle: handles,
    userId: userIds,
    replaced: handles,
    reason: fc.constantFrom('revoked', 'password-changed'),
    what: fc.constantFrom('session' as const, 'entry' as const),
    secret: fc.string(),
  }),
});

describe('a message about an event', () => {
  it('tells the others all of it, and nothing that does not belong to it', () => {
    fc.assert(
      fc.property(events, ({ name, event }) => {
        const { origin, told } = decodeMessage(encodeEvent('here', name, event) ?? '') ?? {};
        expect([origin, told?.name]).toEqual(['here', name]);
        const { remote, ...facts } = told!.event;
        expect(remote).toBe(true);
        expect(event).toMatchObject(facts);
        expect(facts).toMatchObject({ handle: event.handle, userId: event.userId });
        expect(facts).not.toHaveProperty('secret');
      }),
    );
  });

  it('is not sent when the others would not take it', () => {
    const wrong: [SessionEventName, object][] = [
      ['lost', { handle: 'not a handle' }],
      ['lost', { handle: HANDLE, userId: 7 }],
      ['evicted', { handle: HANDLE }],
      ['revoked', { handle: HANDLE, userId: 'ada', reason: 'two words' }],
      ['created', { handle: HANDLE, userId: 'u'.repeat(40_000) }],
    ];
    for (const [name, event] of wrong) expect(encodeEvent('here', name, event as SessionEventMap[typeof name])).toBeUndefined();
  });

  it('is told from a greeting', () => {
    expect(decodeMessage(encodeGreeting('here'))).toEqual({ origin: 'here', told: undefined });
  });
});

describe('a text that anybody may have sent', () => {
  const values = fc.oneof(fc.jsonValue(), fc.constantFrom(1, HANDLE, 'lost', 'revoked', 'ada'));
  const objects = (...names: string[]) => fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', ...names), values);
  const almostRight = fc.record({
    v: fc.constant(1),
    from: fc.constant('somewhere'),
    name: fc.oneof(fc.constantFrom(...EVENT_NAMES), values),
    event: objects('handle', 'handle', 'userId', 'reason', 'what', 'replaced', 'remote'),
  });
  const messages = fc.oneof(objects('v', 'from', 'name', 'event'), almostRight).map((value) => JSON.stringify(value));

  it('never throws, and yields known fields only', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), messages), (text) => {
        const told = decodeMessage(text)?.told;
        if (told === undefined) return;
        expect(EVENT_NAMES).toContain(told.name);
        expect(Object.getPrototypeOf(told.event)).toBe(Object.prototype);
        for (const field of Object.keys(told.event)) expect(KNOWN).toContain(field);
      }),
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
