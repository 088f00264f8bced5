// What keeps sessions in memory tells nothing of the server that is named (see test/support/variants.ts too).
const needless = process.env.TEST_REDIS_SERVER === undefined ? [] : ['\\.memory\\.test\\.ts$'];

/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // test/package holds applications of their own, which are installed and run elsewhere
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/package/', ...needless],
  modulePathIgnorePatterns: ['<rootDir>/.cache/', '<rootDir>/dist/', '<rootDir>/sample/', '<rootDir>/test/package/'],
  // A process that ends soon may do so with something left open, and one on a busy machine may be late with nothing left: so each file is asked.
  testEnvironment: '<rootDir>/test/support/tidy-environment.mjs',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@fastify/static$': '<rootDir>/test/support/static-files.cjs',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/index.ts', '!src/redis/scripts/lua.generated.ts'],
  // One more than the cores of a small machine: many tests wait for a Redis that is told not to answer.
  maxWorkers: 3,
  // A process gets slower with each file: jest's AsyncLocalStorage of every file before is asked at each `await`.
  workerIdleMemoryLimit: '400MB',
  // On a machine that is busy with other things, where a test takes a hundred times as long. A test that hangs is found all the same.
  testTimeout: 600_000,
};
