import { afterEach, describe, expect, test } from '@jest/globals';
import { createTestSession, signIn, testSessions, type TestIdentity } from '../../src/testing.js';
import { createApp, type TestApp } from '../support/create-app.js';

const apps: TestApp[] = [];
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));

const MISTAKES: [string, unknown, object, string][] = [
  [
    'no identity',
    undefined,
    {},
    'needs an identity: an object whose "id" is a non-empty string or a finite number, received undefined. Write something like { id: "ada" }.',
  ],
  ['the id alone', 'ada', {}, 'needs an identity: an object whose "id"'],
  ['an identity without an id', { name: 'ada' }, {}, 'needs an identity: an object whose "id"'],
  ['an empty id', { id: '' }, {}, 'needs an identity: an object whose "id"'],
  [
    'a role that is no list',
    { id: 'ada' },
    { roles: 'admin' },
    'needs "roles" as an array of strings, received a string. Write something like { roles: ["admin"] }.',
  ],
  ['roles that are no strings', { id: 'ada' }, { roles: [1] }, 'needs "roles" as an array of strings'],
  [
    'entries that are no object',
    { id: 'ada' },
    { entries: 'tea' },
    'needs "entries" as an object, received a string. Write something like { entries: { cart: ["tea"] } }.',
  ],
  ['a list of entries', { id: 'ada' }, { entries: ['tea'] }, 'needs "entries" as an object, received an array'],
];

describe('what is hardly meant is named, with its cure', () => {
  test.each(MISTAKES)('by signIn(): %s', async (_, identity, options, message) => {
    const app = await createApp({ store: testSessions().store });
    apps.push(app);
    await expect(signIn(app.app, identity as TestIdentity, options)).rejects.toThrow(`signIn() ${message}`);
  });

  test.each(MISTAKES.slice(1))('by createTestSession(): %s', async (_, identity, options, message) => {
    const given = { identity: identity as TestIdentity, ...options };
    await expect(createTestSession(given)).rejects.toThrow(`createTestSession() ${message}`);
  });
});
