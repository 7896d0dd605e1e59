import { project } from '../jest-preset/index.mjs';

export default project('test-support');
