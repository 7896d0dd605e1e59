import { library } from '../../tooling/tsup-config/index.js';

export default library({ index: 'src/index.ts', constants: 'src/all-constants.ts', native: 'src/native/index.ts' });
