import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Random } from '../../faults/load/random.js';
import { Fleet } from '../../faults/migration/fleet.js';
import { brokenPromises, emptyAccount } from '../../faults/migration/move-account.js';
import type { Release, RunningRelease } from '../../faults/migration/release.js';
import { User } from '../../faults/migration/user.js';

const GONE = 'SESSION_GONE';
const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.stop();
});

/** What is answered to sign-ins, and to `revokeAll`, one after the other: a status, or the code that comes with a 401. Anything else is answered with 200. */
interface Script {
  readonly signIns: (number | string)[];
  readonly revocations: number[];
}

async function start({ signIns, revocations }: Script): Promise<RunningRelease> {
  const server = createServer((request, response) => {
    const answers = request.url?.startsWith('/login') ? signIns : request.url?.startsWith('/revoke-all') ? revocations : [];
    const answer = answers.shift() ?? 200;
    response.statusCode = typeof answer === 'string' ? 401 : answer;
    request.resume().on('end', () => response.end(JSON.stringify({ code: answer })));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    convertRest: async () => 0,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** What somebody has seen who signs in with two browsers, revokes all, and signs in with both again. */
async function account(script: Script) {
  const seen = emptyAccount();
  const fleet = new Fleet(() => start(script));
  fleets.push(fleet);
  await fleet.add('convert');
  const user = new User('ada', fleet, new Random(1), new Random(2), seen);
  await user.revokeAll();
  await user.arrive();
  return { revokedLate: seen.revokedLate, broken: brokenPromises(seen, { isRedisFaulty: true }) };
}

const UNEXPECTED = [`answers 401 ${GONE}: 1, promised: 0`];

describe('a sign-in that is told that its session has gone', () => {
  it.each([
    ['may have met a revokeAll that was not acknowledged', { revocations: [503], signIns: [GONE] }, 1, []],
    ['may have met it after a sign-in that was not acknowledged either', { revocations: [503], signIns: [503, GONE] }, 1, []],
    ['has not met one that has run already: each runs once', { revocations: [503], signIns: [GONE, GONE] }, 1, UNEXPECTED],
    ['has not met one that a sign-in which was acknowledged came after', { revocations: [503], signIns: [200, GONE] }, 0, UNEXPECTED],
    ['has not met one that was acknowledged', { revocations: [200], signIns: [GONE] }, 0, UNEXPECTED],
    ['is told that and nothing else', { revocations: [503], signIns: ['NO_IDENTITY'] }, 0, ['answers 401 NO_IDENTITY: 1, promised: 0']],
  ])('%s', async (_, script, revokedLate, broken) => {
    expect(await account(script)).toEqual({ revokedLate, broken });
  });
});

describe('a lost write is a broken promise', () => {
  const lost = (release: Release) => ({ ...emptyAccount(), lostWrites: { ...emptyAccount().lostWrites, [release]: 1 } });

  it.each([
    ['of this package, while Redis fails', 'convert', { isRedisFaulty: true }, true],
    ['of an old instance, while Redis works', 'old', { isRedisFaulty: false }, true],
    ['of express-session over this package, while Redis works', 'convert', { isRedisFaulty: false, middleware: 'express-session' }, true],
    ['but not of an old instance while Redis fails: it answers before it stores', 'old', { isRedisFaulty: true }, false],
    ['nor of express-session over this package', 'convert', { isRedisFaulty: true, middleware: 'express-session' }, false],
  ] as const)('%s', (_, release, circumstances, isBroken) => {
    expect(brokenPromises(lost(release), circumstances)).toEqual(isBroken ? [`writes lost after "${release}": 1, promised: 0`] : []);
  });
});
