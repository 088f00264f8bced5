import { describe, expect, it, jest } from '@jest/globals';
import { SessionEvents } from '../../src/session/session-events.js';
import { generateSid, handleOf } from '../../src/session/sid.js';

const EVENT = { handle: handleOf(generateSid()) };

describe('SessionEvents', () => {
  it('tells every listener of that event, and counts', () => {
    const events = new SessionEvents();
    const told: unknown[] = [];
    events.on('lost', (event) => told.push(['first', event]));
    events.on('lost', (event) => told.push(['second', event]));
    events.on('reused', () => told.push('not this one'));
    events.emit('lost', EVENT);
    expect(told).toEqual([
      ['first', EVENT],
      ['second', EVENT],
    ]);
    expect([events.count('lost'), events.count('reused')]).toEqual([1, 0]);
  });

  it('tells of what happened elsewhere, and does not count it', () => {
    const events = new SessionEvents();
    const told: unknown[] = [];
    events.on('lost', (event) => told.push(event));
    events.emit('lost', { ...EVENT, remote: true });
    expect(told).toEqual([{ ...EVENT, remote: true }]);
    expect(events.count('lost')).toBe(0);
  });

  it('tells no one who has left', () => {
    const events = new SessionEvents();
    let told = 0;
    const leave = events.on('lost', () => told++);
    events.emit('lost', EVENT);
    leave();
    leave();
    events.emit('lost', EVENT);
    expect([told, events.count('lost')]).toEqual([1, 2]);
  });

  it('tells of an event only those who listened when it happened', () => {
    const events = new SessionEvents();
    let told = 0;
    const listenAgain = () => {
      told++;
      events.on('lost', () => listenAgain());
    };
    events.on('lost', listenAgain);
    events.emit('lost', EVENT);
    expect(told).toBe(1);
    events.emit('lost', EVENT);
    expect(told).toBe(3);
  });

  it.each<[string, string, () => unknown]>([
    [
      'throws',
      'from a listener',
      () => {
        throw new Error('from a listener');
      },
    ],
    [
      'throws what is no error',
      'null prototype',
      () => {
        // oxlint-disable-next-line typescript/only-throw-error
        throw Object.create(null);
      },
    ],
    ['rejects', 'from a listener', () => Promise.reject(new Error('from a listener'))],
  ])('is not harmed by a listener that %s: the others are told, and its author is warned', async (_how, warning, listener) => {
    const events = new SessionEvents();
    let told = 0;
    events.on('lost', listener);
    events.on('lost', () => told++);
    const warned = jest.spyOn(process, 'emitWarning');
    expect(() => events.emit('lost', EVENT)).not.toThrow();
    expect(told).toBe(1);
    await Promise.resolve();
    expect(warned.mock.calls).toEqual([[expect.stringContaining(warning), { type: 'SessionEventListenerError' }]]);
    warned.mockRestore();
  });
});
