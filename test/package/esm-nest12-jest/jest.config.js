export default { testMatch: ['<rootDir>/test/**/*.spec.js'], testEnvironment: 'node', transform: {}, testTimeout: 30_000 };
