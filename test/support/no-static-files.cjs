'use strict';

// What stands in the place of @fastify/static: mercurius requires it for pages that no test asks for, and what it requires itself is an ES module,
// which jest can require on Node 24 only.
module.exports = () => {
  throw new Error('There are no static files in these tests. See jest.config.mjs.');
};
