import { library } from '../../tooling/tsup-config/index.js';

export default library();
