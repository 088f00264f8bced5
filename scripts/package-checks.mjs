import { command } from './steps/command.mjs';

export const TARBALL = '.cache/package.tgz';

export const build = command('build', ['node', 'scripts/build.mjs']);
export const pack = command('pack', ['node', 'scripts/steps/pack.mjs', TARBALL], { needs: 'build' });

/** What `npm test` has time for. */
export const fewApps = ['esm-nest12', 'cjs-nest11-jest', 'esm-express5', 'cjs-express5'].map((app) => packedApp(app));
export const fewQuickStarts = ['esm', 'cjs'].map(quickStart);

/** The rest, which `npm run test:all` adds. */
export const packageChecks = [
  {
    atOnce: 2,
    steps: [
      ...[
        'esm-nest12-cls',
        'esm-nest12-node-redis',
        'esm-nest12-vitest',
        'esm-nest12-vitest3',
        'esm-nest12-jest',
        'bundled-webpack',
        'bundled-esbuild',
        'pnpm-nest12',
        'two-versions',
        'esm-nest12-fastify',
        'cjs-nest11-fastify',
        'cjs-nest11.1-fastify',
        'esm-fastify5',
        'cjs-fastify5',
        'esm-node',
        'esm-nest12-graphql',
        'esm-nest12-mercurius',
        'esm-nest12-sockets',
        'cjs-nest11-sockets',
        'cjs-nest11-health',
      ].map((app) => packedApp(app)),
      quickStart('nest11'),
    ],
  },
  {
    // as many at once as there are processors
    atOnce: 1,
    steps: [
      command('types of the package, as applications compile them', ['node', 'scripts/steps/packed-types.mjs', TARBALL], {
        needs: 'pack',
        timeout: 3_600_000,
        proof: /^[1-9]\d* ways to compile/m,
      }),
    ],
  },
  {
    atOnce: 2,
    steps: ['esm-nest12', 'cjs-nest11-jest'].map((app) => packedApp(app, ['20.19.0', '22', '24', '26'])),
  },
];

/** `npm run test:packages` */
export const packageChecksAlone = [{ atOnce: 1, steps: [build, pack] }, { atOnce: 2, steps: fewApps }, ...packageChecks];

function packedApp(app, nodeVersions = []) {
  const name = nodeVersions.length === 0 ? `packed: ${app}` : `packed: ${app} on Node ${nodeVersions.join(', ')}`;
  const times = Math.max(nodeVersions.length, 1);
  return command(name, ['node', 'scripts/steps/packed-app.mjs', `test/package/${app}`, TARBALL, ...nodeVersions], {
    needs: 'pack',
    timeout: 1_800_000 * times,
    proof: new RegExp(String.raw`(?:^ends by itself[^]*){${times}}`, 'm'),
  });
}

function quickStart(template) {
  return command(`quick start of the README: ${template}`, ['node', 'scripts/steps/quick-start.mjs', template, TARBALL], {
    needs: 'pack',
    timeout: 1_800_000,
    proof: /^signs in and out/m,
  });
}
