import { existsSync, readdirSync } from 'node:fs';

const here = new URL('.', import.meta.url);

/** Every folder of packages/ and tooling/ that has a jest configuration; the smoke test needs a build and runs on its own. */
const projects = ['packages', 'tooling'].flatMap((folder) =>
  readdirSync(new URL(folder, here))
    .filter((name) => name !== 'smoke' && existsSync(new URL(`${folder}/${name}/jest.config.mjs`, here)))
    .map((name) => `<rootDir>/${folder}/${name}`),
);

/** One jest over all packages: one true count. A memory limit forces workers, so that a native crash fails only its own file. */
export default { projects, workerIdleMemoryLimit: '2GB', maxWorkers: '100%' };
