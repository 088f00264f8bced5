const packages = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`;

const IOREDIS = packages('ioredis', 'standard-as-callback', 'redis-parser', '@ioredis/commands');
const EXPRESS = packages('express', 'express-session', 'express-serve-static-core');
const CONNECT_REDIS = packages('connect-redis');

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'session-imports-node-only',
      comment: 'What a session is depends on neither Nest, Express nor Redis.',
      severity: 'error',
      from: { path: '^src/session/' },
      to: { pathNot: ['^src/session/', '^src/redis-session\\.errors\\.ts$'], dependencyTypesNot: ['core'] },
    },
    {
      name: 'errors-import-nothing',
      comment: 'Every folder may import the errors, so they import nothing.',
      severity: 'error',
      from: { path: '^src/redis-session\\.errors\\.ts$' },
      to: { path: '.' },
    },
    {
      name: 'only-redis-imports-ioredis',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis/' },
      to: { path: IOREDIS },
    },
    {
      name: 'only-http-and-express-session-import-express',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(http|express-session)/' },
      to: { path: EXPRESS },
    },
    {
      name: 'http-never-imports-redis',
      comment: 'They meet in the module.',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: '^src/redis/' },
    },
    {
      name: 'redis-never-imports-http',
      comment: 'They meet in the module.',
      severity: 'error',
      from: { path: '^src/redis/' },
      to: { path: '^src/http/' },
    },
    {
      name: 'only-stores-names-connect-redis',
      comment: 'An optional peer.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis-session\\.stores\\.ts$' },
      to: { path: CONNECT_REDIS },
    },
    {
      name: 'connect-redis-is-loaded-on-demand',
      comment: 'An application without connect-redis must be able to load this package.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: CONNECT_REDIS, dynamic: false, dependencyTypesNot: ['type-only', 'type-import'] },
    },
    {
      name: 'nothing-imports-addons',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/addons/' },
      to: { path: '^src/addons/' },
    },
    {
      name: 'addons-stand-alone',
      severity: 'error',
      from: { path: '^src/addons/([^/]+)' },
      to: { path: '^src/addons/', pathNot: '^src/addons/$1' },
    },
    {
      name: 'nothing-imports-the-index',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment:
        'But for the type that applications extend by declaration merging: it has to be declared where the decorator of that name is.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { pathNot: '^src/nest/identity\\.decorator\\.ts$' } },
    },
    {
      name: 'only-declared-packages',
      comment: 'What the published code imports has to be a dependency or a peer. Types may come with a dependency.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'unknown'], dependencyTypesNot: ['npm', 'npm-peer', 'type-only', 'type-import'] },
    },
    {
      name: 'every-import-resolves',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
