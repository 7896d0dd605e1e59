import { library } from '../../tooling/tsup-config/index.js';

export default library({ index: 'src/index.ts', native: 'src/native/index.ts' });
