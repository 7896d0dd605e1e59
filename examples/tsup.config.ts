import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'tsup';

/** A folder with a `main.ts` is a program: `npm start -- chat` runs dist/chat.js. */
const programs = readdirSync('.').filter((folder) => existsSync(`${folder}/main.ts`));
const entry = Object.fromEntries(programs.map((name) => [name, `${name}/main.ts`]));

/** The examples are built as a user's programs are: they import the built packages. */
export default defineConfig({
  entry: { tour: 'tour/index.ts', ...entry },
  format: ['esm'],
  target: 'node20',
  sourcemap: true,
  splitting: false, // each is one file
});
