import { fileURLToPath } from 'node:url';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/**
 * The jest configuration of one package. Siblings are resolved to their sources by the condition `@tsyncio/source`, so tests
 * need no build. The test helpers are mapped by name because a dependency on them would close a circle of packages.
 */
export function project(displayName) {
  return {
    displayName,
    testEnvironment: 'node',
    testEnvironmentOptions: { customExportConditions: ['@tsyncio/source', 'node', 'node-addons'] },
    testMatch: ['<rootDir>/test/**/*.test.ts'],
    // Tests of Windows alone: `npm run test:wine` runs them.
    testPathIgnorePatterns: process.platform === 'win32' ? [] : ['\\.win32\\.test\\.ts$'],
    moduleNameMapper: {
      '^(\\.{1,2}/.*)\\.js$': '$1', // './x.js' written in TypeScript
      '^@tsyncio/test-support/(.+)$': at('tooling/test-support/src/$1.ts'),
      '^@tsyncio/(test-support|contract-tests)$': at('tooling/$1/src/index.ts'),
    },
    transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: at('tsconfig.jest.json') }] },
  };
}
