import path from 'node:path';
import webpack from 'webpack';

export default {
  mode: 'production',
  target: 'node20',
  entry: './build/main.js',
  output: { path: path.resolve('dist'), filename: 'main.cjs' },
  // What Nest loads when it is there. This package needs no such line.
  plugins: [
    new webpack.IgnorePlugin({ resourceRegExp: /^(@nestjs\/(microservices|websockets)|class-(transformer|validator)|@fastify\/)/ }),
  ],
  stats: 'errors-only',
};
