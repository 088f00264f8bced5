const { options } = require('./.dependency-cruiser.cjs');

/**
 * Of imports, those that are there at run time: what an entry point loads, by way of whichever files.
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
module.exports = {
  forbidden: [
    {
      name: 'without-nest-loads-neither-nest-nor-optional-peers',
      comment: 'An application with Express alone, or with Node, installs a Redis client and nothing else.',
      severity: 'error',
      from: { path: '^src/(express|fastify|node)\\.ts$' },
      to: {
        path: ['^src/nest/', '(^|/)node_modules/(@nestjs|reflect-metadata|rxjs|express|express-session|connect-redis|fastify|ioredis)/'],
        reachable: true,
      },
    },
    {
      name: 'testing-loads-neither-nest-nor-redis',
      comment: 'It tests applications with Nest and without.',
      severity: 'error',
      from: { path: '^src/testing\\.ts$' },
      to: {
        path: [
          '^src/(nest|redis|express-session)/',
          '(^|/)node_modules/(@nestjs|reflect-metadata|rxjs|ioredis|express|express-session|fastify)/',
        ],
        reachable: true,
      },
    },
    {
      name: 'store-loads-session-only',
      comment: 'A store of your own, and its tests, need nothing that serves requests.',
      severity: 'error',
      from: { path: '^src/store\\.ts$' },
      to: { path: ['^src/(http|redis|nest|express-session)/', '(^|/)node_modules/'], reachable: true },
    },
    {
      name: 'metrics-loads-opentelemetry-only',
      comment: 'It measures applications without Nest and without Redis too, and does not make them wait for either.',
      severity: 'error',
      from: { path: '^src/metrics\\.ts$' },
      to: { path: ['^src/(http|redis|nest|express-session)/', '(^|/)node_modules/(?!@opentelemetry/)'], reachable: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
  ],
  options: { ...options, tsPreCompilationDeps: false },
};
