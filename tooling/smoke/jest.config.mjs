import { project } from '../jest-preset/index.mjs';

export default {
  ...project('smoke'),
  globalSetup: '<rootDir>/pack.mjs',
  globalTeardown: '<rootDir>/unpack.mjs',
};
