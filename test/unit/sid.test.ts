import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { hashedHandleOf, generateSid, handleOf, isOurForm, newSid, secretHashOf, type Sid } from '../../src/session/sid.js';

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

describe('a sid of our form', () => {
  it('has 54 characters: 128 random bits of handle and 192 of secret', () => {
    const sid = generateSid();
    expect(sid).toMatch(/^[A-Za-z0-9_-]{54}$/);
    expect(Buffer.from(sid.slice(0, 22), 'base64url')).toHaveLength(16);
    expect(Buffer.from(sid.slice(22), 'base64url')).toHaveLength(24);
    expect(isOurForm(sid)).toBe(true);
  });

  it('is never the same twice', () => {
    const sids = Array.from({ length: 1_000 }, generateSid);
    expect(new Set(sids.map((sid) => sid.slice(0, 22))).size).toBe(1_000);
    expect(new Set(sids.map((sid) => sid.slice(22))).size).toBe(1_000);
  });

  it('begins with its handle, and keeps it with a new secret', () => {
    const sid = generateSid();
    const next = newSid(handleOf(sid));
    expect(handleOf(sid)).toBe(sid.slice(0, 22));
    expect(handleOf(next)).toBe(handleOf(sid));
    expect(secretHashOf(next)).not.toBe(secretHashOf(sid));
  });

  it('has the hash of the secret alone, 132 bits of it', () => {
    const sid = generateSid();
    expect(secretHashOf(sid)).toBe(sha256(sid.slice(22)).slice(0, 22));
  });
});

describe('a sid of another form', () => {
  it.each(['', 'x', 'x'.repeat(53), 'x'.repeat(55), `${'x'.repeat(53)}+`, `${'x'.repeat(54)}\n`, 'é'.repeat(54)])(
    '%j is named by its hash',
    (text) => {
      const sid = text as Sid;
      expect(isOurForm(sid)).toBe(false);
      expect(handleOf(sid)).toBe(sha256(text));
      expect(secretHashOf(sid)).toBe(sha256(text).slice(0, 22));
    },
  );
});

it('a handle in the layout of connect-redis is the hash of the whole sid, whatever its form', () => {
  const sid = generateSid();
  expect(hashedHandleOf(sid)).toBe(sha256(sid));
});
