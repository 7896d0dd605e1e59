import { project } from '../../tooling/jest-preset/index.mjs';

export default project('proactor-io');
