// Before the tests: builds the examples, and packs every package once, as it would be published. Needs a build of the packages.
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const readManifest = (folder) => JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** Leaves `packed.json` beside the tarballs, and the folder's name in TSYNCIO_PACKED. */
export default async function pack() {
  await buildExamples();
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-packed-'));
  process.env.TSYNCIO_PACKED = folder;
  const waiting = readdirSync(path.join(root, 'packages'))
    .map((name) => path.join(root, 'packages', name))
    .filter((source) => existsSync(path.join(source, 'src/index.ts')));
  const packages = [];
  const packSome = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift())
      packages.push(await packOne(source, folder));
  };
  await Promise.all([packSome(), packSome(), packSome()]);
  packages.sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync(path.join(folder, 'packed.json'), JSON.stringify({ packages, borrowed: borrowAll(folder) }));
}

/** As `npm start` does: what is run later finds it done. */
async function buildExamples() {
  const env = {
    ...process.env,
    PATH: path.join(root, 'node_modules/.bin') + path.delimiter + process.env.PATH,
    NODE_VERSION_MAJOR: process.versions.node.split('.')[0],
    TURBO_TELEMETRY_DISABLED: '1',
  };
  const options = ['run', 'build:js', '--filter=examples...', '--output-logs=errors-only'];
  await run('turbo', options, { cwd: root, env, shell: process.platform === 'win32' });
}

async function packOne(source, folder) {
  const { name, version } = readManifest(source);
  const pnpm = path.join(root, 'node_modules/.bin/pnpm');
  const shell = process.platform === 'win32';
  await run(pnpm, ['pack', '--pack-destination', folder], { cwd: source, shell });
  const tarball = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
  if (!existsSync(path.join(folder, tarball))) throw new Error(`${name} was not packed as ${tarball}`);
  return { name, source, tarball: path.join(folder, tarball) };
}

/**
 * The dependencies from elsewhere, copied out of the workspace's own store so that npm need not ask the network: by name, the folders
 * that have to be installed with it.
 */
function borrowAll(folder) {
  const borrowed = {};
  const koffi = path.join(root, 'packages/socket/node_modules/koffi');
  if (existsSync(koffi)) {
    const real = realpathSync(koffi);
    const scope = path.join(real, '..', '@koromix');
    const natives = readdirSync(scope).map((name) =>
      borrow(realpathSync(path.join(scope, name)), path.join(folder, 'borrowed', name)),
    );
    borrowed.koffi = [borrow(real, path.join(folder, 'borrowed/koffi')), ...natives];
  }
  for (const name of readdirSync(path.join(root, 'packages'))) {
    const manifest = path.join(root, 'packages', name, 'package.json');
    if (!existsSync(manifest)) continue;
    for (const other of Object.keys(JSON.parse(readFileSync(manifest, 'utf8')).dependencies ?? {})) {
      if (other.startsWith('@tsyncio/') || other in borrowed) continue;
      const real = realpathSync(path.join(root, 'packages', name, 'node_modules', other));
      borrowed[other] = [borrow(real, path.join(folder, 'borrowed', other))];
    }
  }
  return borrowed;
}

function borrow(source, into) {
  mkdirSync(path.dirname(into), { recursive: true });
  const filter = (file) => !file.slice(source.length).includes('node_modules');
  cpSync(source, into, { recursive: true, dereference: true, filter });
  const manifest = readManifest(into);
  delete manifest.scripts;
  for (const name of Object.keys(manifest.optionalDependencies ?? {})) {
    if (!existsSync(path.join(source, '..', name))) delete manifest.optionalDependencies[name];
  }
  writeFileSync(path.join(into, 'package.json'), JSON.stringify(manifest));
  return into;
}
