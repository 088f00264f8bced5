import { OTHER_SERVERS } from './install/other-servers.mjs';
import { command } from './steps/command.mjs';
import { jest } from './steps/jest.mjs';

const FETCH = 'other servers';

/** What `npm run test:servers` runs: all that a server could do otherwise, on each of the other servers. `TEST_REDIS_SERVER` leaves out the rest. */
export const serverChecks = [
  {
    atOnce: 1,
    steps: [
      command(FETCH, ['node', 'scripts/steps/other-servers.mjs'], { timeout: 900_000, proof: /^Redis server v=8[^]*^Valkey server v=8/m }),
      ...OTHER_SERVERS.map(({ name, program }) =>
        jest(`tests on ${name}`, {
          folders: ['test/redis', 'test/contract', 'test/guarantees'],
          env: { TEST_REDIS_SERVER: program },
          needs: FETCH,
          timeout: 3_600_000,
        }),
      ),
    ],
  },
];
