// Makes the site: `npm run docs`, into site/. The guides of docs/, the measured tables, and the doc comments of all packages.
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../', import.meta.url));
const site = path.join(root, 'site');
const repository = 'https://github.com/tsyncio/tsyncio';

rmSync(site, { recursive: true, force: true });
const app = await Application.bootstrapWithPlugins({ options: path.join(here, 'typedoc.config.mjs') });
const project = await app.convert();
if (project === undefined) process.exit(1);
await app.generateOutputs(project);

// Links to folders lead into the repository; typedoc looks for them among its media.
const folders = new Map([['examples', 'examples']]);
for (const parent of ['examples', 'tooling']) {
  for (const name of readdirSync(path.join(root, parent))) folders.set(name, `${parent}/${name}`);
}
let pages = 0;
for (const file of readdirSync(site, { recursive: true })) {
  const page = path.join(site, file);
  if (!page.endsWith('.html') || !statSync(page).isFile()) continue;
  pages++;
  const text = readFileSync(page, 'utf8');
  const linked = text.replaceAll(/href="(?:\.\.\/)?media\/([\w-]+)"/g, (whole, name) =>
    folders.has(name) ? `href="${repository}/tree/main/${folders.get(name)}"` : whole,
  );
  if (linked !== text) writeFileSync(page, linked);
}
console.log(`${pages} pages in site/, begin with site/index.html`);
process.exitCode = app.logger.hasErrors() ? 1 : 0;
