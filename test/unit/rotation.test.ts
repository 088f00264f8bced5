import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  confirmed,
  firstSecret,
  goodSecrets,
  replaceAll,
  rotate,
  toldAt,
  type RotationRequest,
  type Secrets,
} from '../../src/session/rotation.js';
import { matchSecret } from '../../src/session/secret-check.js';

const GRACE = 2;
const NOW = 100;
const ROTATED: Secrets = { current: 'base', unconfirmed: ['told'], previous: [], rotatedAt: NOW - 2 * GRACE };

function requestOf(parts: Partial<RotationRequest>): RotationRequest {
  return { presented: 'base', own: 'base', next: 'next', age: 0, grace: GRACE, now: NOW, ...parts };
}

describe('rotate', () => {
  it.each<[string, Secrets, Partial<RotationRequest>, ReturnType<typeof rotate>['outcome'], string[]]>([
    ['the first time', firstSecret('base'), {}, 'rotated', ['base', 'next']],
    ['again by the same try', ROTATED, { next: 'told' }, 'rotated', ['base', 'told']],
    ['by the same try, presented since', firstSecret('next'), { presented: 'base' }, 'rotated', ['next']],
    ['two graces after a rotation that nobody presented', ROTATED, {}, 'rotated', ['base', 'told', 'next']],
    ['loaded earlier than that', ROTATED, { age: 1 }, 'unchanged', ['base', 'told']],
    ['by the first to present a newer secret', ROTATED, { presented: 'told', own: 'told' }, 'rotated', ['told', 'next', 'base']],
    [
      'by one whose secret was replaced',
      { ...ROTATED, unconfirmed: [], previous: [{ hash: 'old', endsAt: 200 }] },
      { presented: 'old', own: 'old' },
      'unchanged',
      ['base', 'old'],
    ],
    ['by one whose secret is unknown', ROTATED, { presented: 'other', own: 'other' }, 'unchanged', ['base', 'told']],
    ['by a request that has replaced the secret itself', firstSecret('mine'), { own: 'mine' }, 'rotated', ['mine', 'next']],
    ['with four others remembered', { ...ROTATED, unconfirmed: ['a', 'b', 'c', 'd'] }, {}, 'unchanged', ['base', 'a', 'b', 'c', 'd']],
    [
      'with four others, one past its grace',
      { ...ROTATED, unconfirmed: ['a', 'b', 'c'], previous: [{ hash: 'past', endsAt: NOW }] },
      {},
      'rotated',
      ['base', 'a', 'b', 'c', 'next'],
    ],
  ])('%s', (_what, secrets, parts, outcome, good) => {
    const result = rotate(secrets, requestOf(parts));
    expect([result.outcome, goodSecrets(result.secrets, NOW)]).toEqual([outcome, good]);
  });

  it('leaves secrets in the order in which they were made, and the latest time', () => {
    const { secrets } = rotate(ROTATED, requestOf({}));
    expect(secrets).toEqual({ current: 'base', unconfirmed: ['told', 'next'], previous: [], rotatedAt: NOW });
  });
});

describe('replaceAll', () => {
  it.each<[string, Secrets, Partial<RotationRequest>, ReturnType<typeof rotate>['outcome'], string[]]>([
    ['with the current secret', ROTATED, {}, 'rotated', ['next']],
    ['with a newer one, which it presents', ROTATED, { presented: 'told', own: 'told' }, 'rotated', ['next']],
    [
      'with one in its grace',
      { ...ROTATED, previous: [{ hash: 'old', endsAt: 200 }] },
      { presented: 'old', own: 'old' },
      'ended',
      ['base', 'told', 'old'],
    ],
    ['with one that another has replaced', firstSecret('other'), {}, 'ended', ['other']],
    ['again by the same try', firstSecret('next'), {}, 'rotated', ['next']],
    ['by a request that has done so before', firstSecret('mine'), { own: 'mine' }, 'rotated', ['next']],
  ])('%s', (_what, secrets, parts, outcome, good) => {
    const result = replaceAll(secrets, requestOf(parts));
    expect([result.outcome, goodSecrets(result.secrets, NOW)]).toEqual([outcome, good]);
  });
});

describe('confirmed', () => {
  it('gives the grace to every other secret, once', () => {
    const after = confirmed({ ...ROTATED, unconfirmed: ['told', 'newer'] }, 'told', GRACE, NOW);
    expect(after).toMatchObject({ current: 'told', unconfirmed: [] });
    expect(after.previous).toEqual(['base', 'newer'].map((hash) => ({ hash, endsAt: NOW + GRACE })));
    expect(confirmed(after, 'told', GRACE, NOW + 1)).toEqual(after);
    expect(goodSecrets(confirmed(after, 'told', GRACE, NOW + GRACE), NOW)).toEqual(['told']);
  });

  it.each(['base', 'unknown'])('changes nothing for %j', (presented) => {
    expect(confirmed(ROTATED, presented, GRACE, NOW)).toEqual(ROTATED);
  });
});

describe('toldAt', () => {
  it.each([
    ['told', NOW],
    ['base', ROTATED.rotatedAt],
    ['', ROTATED.rotatedAt],
  ])('counts the time of the newest secret from its answer: %j', (told, rotatedAt) => {
    expect(toldAt(ROTATED, told, NOW).rotatedAt).toBe(rotatedAt);
  });
});

interface SceneRequest {
  readonly presented: string;
  readonly sentAt: number;
  loadedAt?: number;
  own?: string;
  answeredAt?: number;
}

/** A browser whose requests and answers each take less than a grace, in any order; what happens next is drawn from `draws`. */
class Scene {
  secrets = firstSecret('0');
  jar = '0';
  #now = 0;
  #made = 0;
  #requests: SceneRequest[] = [];

  /** Why the browser would be signed out now; `undefined` when all is well. */
  step(draw: number): string | undefined {
    const steps = [...this.#steps()];
    steps[draw % steps.length]?.();
    return matchSecret(this.jar, this.secrets, this.#now) === undefined
      ? `the jar holds ${this.jar}, the session ${JSON.stringify(this.secrets)}`
      : undefined;
  }

  *#steps(): Generator<() => void> {
    const isDue = (since: number | undefined) => since !== undefined && this.#now + 1 >= since + GRACE;
    const mustMove = this.#requests.some(
      ({ sentAt, loadedAt, answeredAt }) => isDue(answeredAt) || (loadedAt === undefined && isDue(sentAt)),
    );
    if (!mustMove) yield () => void this.#now++;
    if (this.#requests.length < 2) yield () => void this.#requests.push({ presented: this.jar, sentAt: this.#now });
    for (const request of this.#requests) {
      const { presented, loadedAt, own = presented, answeredAt } = request;
      if (loadedAt === undefined) yield () => this.#load(request);
      else if (answeredAt === undefined) {
        yield () => {
          const { outcome, secrets } = rotate(
            this.secrets,
            requestOf({ presented, own, next: String(++this.#made), age: this.#now - loadedAt, now: this.#now }),
          );
          // An outcome of 'unchanged' writes nothing.
          if (outcome !== 'rotated') return;
          this.secrets = secrets;
          request.own = String(this.#made);
        };
        yield () => {
          this.secrets = toldAt(confirmed(this.secrets, presented, GRACE, this.#now), own === presented ? '' : own, this.#now);
          const isNewest = (this.secrets.unconfirmed.at(-1) ?? this.secrets.current) === own;
          if (own !== presented && isNewest) request.answeredAt = this.#now;
          else this.#end(request);
        };
      } else {
        yield () => {
          this.jar = own;
          this.#end(request);
        };
        yield () => this.#end(request);
      }
    }
  }

  #load(request: SceneRequest): void {
    // An answer has overtaken it: the browser has a newer secret already.
    if (matchSecret(request.presented, this.secrets, this.#now) === undefined) this.#end(request);
    else request.loadedAt = this.#now;
  }

  #end(request: object): void {
    this.#requests = this.#requests.filter((other) => other !== request);
  }
}

it('signs out no browser, however slow its requests are, in whatever order answers come, and whichever are lost', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 20, maxLength: 80 }), (draws) => {
      const scene = new Scene();
      for (const draw of draws) expect(scene.step(draw)).toBeUndefined();
    }),
    { numRuns: 3_000 },
  );
});
