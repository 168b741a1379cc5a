export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/contracts/**/*.test.ts'],
  // The suites that read the real data have their own command: npm run test:corpus -- DIR
  // Those that need Go: npm run test:interop
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/corpus/', '<rootDir>/test/interop/'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  // Most files wait for a chain, a server or a browser of their own: half a core is idle with one at a time.
  maxWorkers: 2,
  testTimeout: 60000,
  reporters: ['default', '<rootDir>/scripts/closing-line.js'],
};
