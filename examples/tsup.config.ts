import { defineConfig } from 'tsup';

/** The tour is built as a user's program is: it imports the built packages. */
export default defineConfig({ entry: { tour: 'tour/index.ts' }, format: ['esm'], target: 'node20', sourcemap: true });
