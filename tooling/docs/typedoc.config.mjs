import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Highest layer first: the umbrella is what most people look for. */
const packages = readdirSync(`${root}packages`)
  .filter((name) => existsSync(`${root}packages/${name}/src/index.ts`))
  .sort((a, b) => Number(b === 'tsyncio') - Number(a === 'tsyncio') || (a < b ? -1 : 1));

const guides = [
  'getting-started',
  'event-loop',
  'cancellation',
  'tls',
  'policies',
  'asyncio-to-tsyncio',
  'from-node',
  'performance',
  'platforms',
  'security',
  'differences',
  'limits',
  'architecture',
];
const results = readdirSync(`${root}tooling/bench/results`).filter((name) => name.endsWith('.md'));

/** The site: the guides of docs/, the measured tables, and the doc comments of all packages. */
export default {
  name: 'tsyncio',
  out: `${root}site`,
  entryPointStrategy: 'packages',
  entryPoints: packages.map((name) => `${root}packages/${name}`),
  packageOptions: {
    entryPoints: ['src/index.ts'],
    excludeInternal: true,
    excludePrivate: true,
    excludeProtected: false,
    excludeExternals: true,
    skipErrorChecking: true, // `npm run check` does that
    readme: 'README.md',
    basePath: root,
    disableGit: true,
    sourceLinkTemplate: 'https://github.com/tsyncio/tsyncio/blob/main/{path}#L{line}',
    validation: false,
  },
  readme: `${root}README.md`,
  projectDocuments: [
    ...guides.map((name) => `docs/${name}.md`),
    ...results.map((name) => `tooling/bench/results/${name}`),
  ]
    .map((file) => root + file)
    .filter((file) => existsSync(file)),
  customJs: `${root}tooling/docs/mermaid.js`,
  githubPages: false,
  hideGenerator: true,
  includeVersion: false,
  plugin: [`${root}tooling/docs/internal.mjs`],
  highlightLanguages: ['typescript', 'javascript', 'python', 'shellscript', 'json'],
  sourceLinkTemplate: 'https://github.com/tsyncio/tsyncio/blob/main/{path}#L{line}',
  disableGit: true,
  basePath: root,
  validation: false, // links between pages are checked by tooling/smoke
  logLevel: 'Error',
};
