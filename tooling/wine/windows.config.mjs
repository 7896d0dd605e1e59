// What Node for Windows runs under Wine: all tests of the packages that know no operating system, and those of Windows (`*.win32.test.ts`) of the others.
import { project } from '../jest-preset/index.mjs';

const portable = ['core', 'futures-tasks', 'policy'];
const native = ['socket'];

/** Signals are of POSIX: asyncio has no handlers for them on Windows. */
const posix = ['/signals\\.test', '/signal-processes\\.test'];

const at = (name) => new URL(`../../packages/${name}`, import.meta.url).pathname.replace(/^\/(?=[A-Z]:)/, '');

export default {
  projects: [
    ...portable.map((name) => ({ ...project(name), rootDir: at(name), testPathIgnorePatterns: posix })),
    ...native.map((name) => ({
      ...project(name),
      rootDir: at(name),
      testMatch: ['<rootDir>/test/**/*.win32.test.ts'],
    })),
  ],
  workerIdleMemoryLimit: '2GB', // forces worker processes: a native crash fails only its own file
  maxWorkers: 2,
};
