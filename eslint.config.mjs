import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const restricted = '@typescript-eslint/no-restricted-imports';

/** Node's own I/O: its sockets belong to libuv, and our packages bring their own. */
const nodeIo = ['net', 'dgram', 'dns', 'dns/promises', 'tls', 'http', 'https', 'http2', 'child_process'].flatMap(
  (name) =>
    [name, `node:${name}`].map((module) => ({
      name: module,
      message:
        "Node's sockets and children belong to libuv. Use Socket of @tsyncio/socket, or a method of the loop, instead.",
    })),
);
const nodeTimers = ['timers', 'node:timers', 'timers/promises', 'node:timers/promises'].map((name) => ({
  name,
  message: 'Time enters through the ports Host and Clock. Use loop.callSoon, loop.callLater or sleep() instead.',
}));
const nodePerformance = ['perf_hooks', 'node:perf_hooks'].map((name) => ({
  name,
  importNames: ['performance'],
  message: 'Time enters through the port Clock. Use loop.time() instead.',
}));
const koffi = {
  name: 'koffi',
  message:
    'Only packages/socket/src/native declares system calls. Add a typed function there and import @tsyncio/socket/native.',
};

const turns =
  'Turns and alarms enter through the port Host. Use loop.callSoon(callback) or loop.callLater(seconds, callback).';
const restrictedGlobals = [
  ...['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'].map((name) => ({
    name,
    message: turns,
  })),
  { name: 'performance', message: 'Time enters through the port Clock. Use loop.time() instead.' },
];
const restrictedProperties = [
  { object: 'Date', property: 'now', message: 'Time enters through the port Clock. Use loop.time() instead.' },
  {
    object: 'Math',
    property: 'random',
    message: 'Chance enters through a port, so that a run can be repeated. Take the source as a parameter.',
  },
  { object: 'process', property: 'hrtime', message: 'Time enters through the port Clock. Use loop.time() instead.' },
  {
    object: 'process',
    property: 'nextTick',
    message: 'The end of a step is a matter of the port Host. Use host.afterStep(callback).',
  },
  ...['on', 'once', 'addListener', 'prependListener', 'off', 'removeListener'].map((property) => ({
    object: 'process',
    property,
    message:
      'Events of the process enter through the port Host. Use host.onExit(callback), or loop.addSignalHandler for signals.',
  })),
];

export default defineConfig(
  { ignores: ['**/dist/', '**/node_modules/', '**/coverage/', '**/.turbo/', '**/fixtures/', 'site/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: tseslint.configs.recommendedTypeChecked,
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      // Future, Task and Operation extend Promise in the type system, so a forgotten one is found as well.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true, checkThenables: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      '@typescript-eslint/no-unsafe-declaration-merging': 'off', // an interface beside a class says that Future extends Promise
      '@typescript-eslint/no-empty-object-type': ['error', { allowInterfaces: 'always' }],
      '@typescript-eslint/no-base-to-string': 'off', // reports and reprs print whatever there is
      '@typescript-eslint/require-await': 'off', // a coroutine is an async function, whether it waits or not
      'require-yield': 'off', // or a generator
      '@typescript-eslint/only-throw-error': 'off', // whatever a callback or a coroutine has thrown is passed on as it is
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    rules: {
      [restricted]: ['error', { paths: [...nodeIo, ...nodeTimers, ...nodePerformance, koffi] }],
      'no-restricted-globals': ['error', ...restrictedGlobals],
      'no-restricted-properties': ['error', ...restrictedProperties],
      'no-console': 'error',
    },
  },
  {
    files: ['packages/socket/src/native/**/*.ts'],
    rules: { [restricted]: ['error', { paths: [...nodeIo, ...nodeTimers, ...nodePerformance] }] },
  },
  {
    // Node's side of TLS: certificates, options and roots are Node's; see the file.
    files: ['packages/socket/src/native/openssl/secure-context.ts'],
    rules: {
      [restricted]: [
        'error',
        { paths: [...nodeIo.filter(({ name }) => !/^(node:)?tls$/.test(name)), ...nodeTimers, ...nodePerformance] },
      ],
    },
  },
  {
    // What posix_spawn cannot do: another user, systems without pidfd; see the file.
    files: ['packages/subprocess/src/node-child.ts'],
    rules: {
      [restricted]: [
        'error',
        { paths: [...nodeIo.filter(({ name }) => !name.endsWith('child_process')), ...nodeTimers, ...nodePerformance] },
      ],
    },
  },
  {
    // The one host adapter and the one clock.
    files: ['packages/core/src/node-host.ts', 'packages/core/src/clock.ts'],
    rules: {
      [restricted]: ['error', { paths: [...nodeIo, koffi] }],
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
    },
  },
  { files: ['packages/core/src/logger.ts'], rules: { 'no-console': 'off' } },
  {
    files: ['**/test/**/*.ts', 'tooling/**/*.ts'],
    rules: {
      // Tests hand methods around, and give wrong values on purpose.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'console',
          'process',
          'URL',
          'Buffer',
          'performance',
          'setTimeout',
          'clearTimeout',
          'setImmediate',
          'setInterval',
          'clearInterval',
          'AbortController',
          'TextDecoder',
          'queueMicrotask',
          'globalThis',
          'structuredClone',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
