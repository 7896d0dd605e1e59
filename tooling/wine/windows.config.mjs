// What Node for Windows runs under Wine: the tests of the packages and those of Windows alone (`*.win32.test.ts`), but what left-out.cjs names.
import { createRequire } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { project } from '../jest-preset/index.mjs';

const leftOut = createRequire(import.meta.url)('./left-out.cjs');

const packages = [
  'core',
  'futures-tasks',
  'policy',
  'socket',
  'selector-io',
  'proactor-io',
  'transports-protocols',
  'server',
  'streams',
  'executors',
  'subprocess',
  'tsyncio',
];

/** Files that take long, or too long on a busy machine: only `--all` runs them. */
const slow = ['executors/', '/fairness', '/process\\.', '/peers', '/workers', '/tls-', '/sendfile', '/start-tls'];

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

export default {
  projects: packages.map((name) => ({
    ...project(name),
    rootDir: at(`../../packages/${name}`),
    setupFilesAfterEnv: [at('skips.cjs')],
    testPathIgnorePatterns: [
      ...leftOut
        .filter((rule) => rule.titles === undefined)
        .map((rule) => rule.files.source.replace(/^\^/, '/packages/')),
      ...(process.env['TSYNCIO_WINE_ALL'] === undefined ? slow : []),
    ].map((pattern) => pattern.replaceAll(/\\?\//g, '[/\\\\]')),
  })),
  reporters: ['default', [at('counts.cjs'), { file: process.env['TSYNCIO_WINE_COUNTS'] }]],
  workerIdleMemoryLimit: '2GB', // forces worker processes: a native crash fails only its own file
  maxWorkers: 2,
};
