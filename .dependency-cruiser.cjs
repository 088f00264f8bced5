const packages = (...names) => `(^|/)node_modules/(@types/)?(${names.join('|')})/`;

const IOREDIS = packages('ioredis', 'standard-as-callback', 'redis-parser', '@ioredis/commands');
const EXPRESS = packages('express', 'express-session', 'express-serve-static-core');
const CONNECT_REDIS = packages('connect-redis');
const NEST = packages('@nestjs/[^/]+', 'reflect-metadata', 'rxjs');
const FASTIFY = packages('fastify', '@fastify/[^/]+');
const TERMINUS = packages('@nestjs/terminus');
const OPENTELEMETRY = packages('@opentelemetry/api');
const COOKIE = packages('cookie');
const PROXY_ADDR = packages('proxy-addr');

const ERRORS = '^src/redis-session\\.errors\\.ts$';
const PEERS = '^src/redis-session\\.peers\\.ts$';
/** Declares the decorator and, since declaration merging wants one place, the type of that name. Nothing is loaded for the type. */
const IDENTITY = '^src/nest/identity\\.decorator\\.ts$';
/** Of src/sockets/, what sockets need that are no gateway's. */
const ANY_SOCKET = '^src/sockets/(handshake|open-socket|socket-(refusal|session|transport))\\.ts$';
const TYPES = ['type-only', 'type-import'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'session-imports-node-only',
      comment: 'What a session is depends on neither Nest, Express nor Redis.',
      severity: 'error',
      from: { path: '^src/session/' },
      to: { pathNot: ['^src/session/', ERRORS], dependencyTypesNot: ['core'] },
    },
    {
      name: 'http-imports-session-and-node-only',
      comment:
        'Every way in builds on it. The package cookie, which imports nothing, serializes the session cookie, and proxy-addr knows which proxies to trust.',
      severity: 'error',
      from: { path: '^src/http/' },
      to: { pathNot: ['^src/(http|session)/', ERRORS, COOKIE, PROXY_ADDR, EXPRESS, IDENTITY], dependencyTypesNot: ['core'] },
    },
    {
      name: 'http-imports-of-express-and-nest-only-types',
      comment: "Applications type their sessions and identities by declaration merging, on express-session's SessionData and our Identity.",
      severity: 'error',
      from: { path: '^src/http/' },
      to: { path: [EXPRESS, IDENTITY], dependencyTypesNot: TYPES },
    },
    {
      name: 'redis-imports-session-and-ioredis-only',
      comment: 'http/ and redis/ meet in the entry points and the root files.',
      severity: 'error',
      from: { path: '^src/redis/' },
      to: { pathNot: ['^src/(redis|session)/', ERRORS, PEERS, IOREDIS], dependencyTypesNot: ['core'] },
    },
    {
      name: 'express-session-imports-http-and-session-only',
      severity: 'error',
      from: { path: '^src/express-session/' },
      to: { pathNot: ['^src/(express-session|http|session)/', ERRORS, EXPRESS], dependencyTypesNot: ['core'] },
    },
    {
      name: 'fastify-imports-http-and-session-only',
      severity: 'error',
      from: { path: '^src/fastify/' },
      to: { pathNot: ['^src/(fastify|http|session)/', ERRORS, EXPRESS, FASTIFY], dependencyTypesNot: ['core'] },
    },
    {
      name: 'imports-of-fastify-only-types',
      comment: 'An optional peer.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: FASTIFY, dependencyTypesNot: TYPES },
    },
    {
      name: 'only-root-files-import-fastify',
      comment: 'Those that offer it.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/fastify/' },
      to: { path: ['^src/fastify/', FASTIFY] },
    },
    {
      name: 'nest-imports-http-session-and-nest-only',
      comment: 'The module puts the parts together, in the root files.',
      severity: 'error',
      from: { path: '^src/nest/' },
      to: {
        pathNot: ['^src/(nest|http|session)/', ANY_SOCKET, ERRORS, '^src/redis-session\\.tokens\\.ts$', NEST],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'sockets-imports-nest-http-and-session-only',
      comment: 'It works on servers of socket.io and ws, and imports neither.',
      severity: 'error',
      from: { path: '^src/sockets/' },
      to: { pathNot: ['^src/(sockets|nest|http|session)/', ERRORS, NEST], dependencyTypesNot: ['core'] },
    },
    {
      name: 'health-imports-session-and-nest-only',
      comment: 'It asks the store, and a store may say what is wrong with it.',
      severity: 'error',
      from: { path: '^src/health/' },
      to: { pathNot: ['^src/(health|session)/', ERRORS, NEST], dependencyTypesNot: ['core'] },
    },
    {
      name: 'only-its-entry-point-imports-health',
      comment: 'An optional part: @nestjs/terminus is an optional peer.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(health/|health\\.ts$)' },
      to: { path: ['^src/health/', TERMINUS] },
    },
    {
      name: 'metrics-imports-session-and-opentelemetry-only',
      comment: 'It listens to the diagnostics channels, and works without Nest.',
      severity: 'error',
      from: { path: '^src/metrics/' },
      to: { pathNot: ['^src/(metrics|session)/', OPENTELEMETRY], dependencyTypesNot: ['core'] },
    },
    {
      name: 'only-its-entry-point-imports-metrics',
      comment: 'An optional part: @opentelemetry/api is an optional peer.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(metrics/|metrics\\.ts$)' },
      to: { path: ['^src/metrics/', OPENTELEMETRY] },
    },
    {
      name: 'only-its-entry-point-imports-sockets',
      comment: 'An optional part: @nestjs/websockets is an optional peer. GraphQL has sockets of its own, without gateways.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(sockets/|websocket\\.ts$)' },
      to: { path: ['^src/sockets/', packages('@nestjs/websockets')], pathNot: ANY_SOCKET },
    },
    {
      name: 'what-any-socket-needs-imports-no-gateways',
      severity: 'error',
      from: { path: ANY_SOCKET },
      to: { path: ['^src/sockets/', packages('@nestjs/websockets')], pathNot: ANY_SOCKET },
    },
    {
      name: 'cli-imports-redis-and-session-only',
      comment: 'The program at the prompt uses the store and SessionManager as anybody may, with neither Nest nor HTTP.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { pathNot: ['^src/(cli|redis|session)/', ERRORS], dependencyTypesNot: ['core'] },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'It is a program.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'testing-imports-http-session-and-tokens-only',
      comment: 'What it needs of Nest, the application brings along.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: {
        pathNot: ['^src/(testing|http|session)/', ERRORS, IDENTITY, '^src/redis-session\\.tokens\\.ts$'],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'only-its-entry-point-imports-testing',
      comment: 'What signs somebody in without a password is in no application that does not ask for it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing(/|\\.ts$)' },
      to: { path: '^src/testing/' },
    },
    {
      name: 'only-redis-imports-ioredis',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis/' },
      to: { path: IOREDIS },
    },
    {
      name: 'ioredis-is-loaded-on-demand',
      comment: 'An optional peer.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: IOREDIS, dynamic: false, dependencyTypesNot: TYPES },
    },
    {
      name: 'only-nest-and-root-files-import-nest',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/(nest|sockets|health)/' },
      to: { path: NEST },
    },
    {
      name: 'nothing-without-nest-imports-nest',
      comment: 'What it loads by way of other files is checked in .dependency-cruiser.loaded.cjs.',
      severity: 'error',
      from: { path: '^src/(express|fastify|node|redis-session\\.(node|fastify-plugin|without-nest))\\.ts$' },
      to: { path: ['^src/nest/', NEST], pathNot: IDENTITY },
    },
    {
      name: 'only-root-files-import-express-session',
      comment: 'Those that offer it.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/express-session/' },
      to: { path: '^src/express-session/' },
    },
    {
      name: 'express-session-is-loaded-on-demand',
      comment: 'An optional peer.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: EXPRESS, dynamic: false, dependencyTypesNot: TYPES },
    },
    {
      name: 'connect-redis-is-loaded-on-demand',
      comment: 'An optional peer.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: CONNECT_REDIS, dynamic: false, dependencyTypesNot: TYPES },
    },
    {
      name: 'only-stores-names-connect-redis',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/redis-session\\.stores\\.ts$' },
      to: { path: CONNECT_REDIS },
    },
    {
      name: 'errors-import-nothing',
      comment: 'Every folder may import the errors, so they import nothing.',
      severity: 'error',
      from: { path: ERRORS },
      to: { path: '.' },
    },
    {
      name: 'nothing-imports-an-entry-point',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/(index|express|fastify|health|metrics|node|store|testing|websocket)\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'But for the type Identity.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { pathNot: IDENTITY } },
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
