'use strict';

// @fastify/static, as Node requires it: it requires an ES module, which jest can do on Node 24 only.
module.exports = globalThis.requireByNode('@fastify/static');
