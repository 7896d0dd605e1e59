import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * Compiles programs of the folder `c`, into a temporary folder that goes with this process.
 *
 * @param {string[]} names - `name-tls` is the program `name` over TLS, `uring-...` one that needs liburing.
 * @returns {Map<string, string>} The binary of each; nothing without a compiler, none over TLS without OpenSSL's headers, none with io_uring
 *   without liburing's.
 */
export function compile(names) {
  const binaries = new Map();
  const compiler = process.env.CC ?? 'cc';
  if (spawnSync(compiler, ['--version']).status !== 0) return binaries;
  const folder = temporaryFolder();
  for (const name of names) {
    const binary = path.join(folder, name);
    const isTls = name.endsWith('-tls');
    const source = fileURLToPath(new URL(`c/${name.replace(/-tls$/, '')}.c`, import.meta.url));
    const flags = ['-O2', '-Wall', ...(isTls ? ['-DTLS'] : []), '-o', binary, source];
    const onUring = name.startsWith('uring-');
    const libraries = isTls ? ['-lssl', '-lcrypto'] : onUring ? ['-luring'] : [];
    const { status, stderr } = spawnSync(compiler, [...flags, ...libraries], { encoding: 'utf8' });
    if (status === 0) binaries.set(name, binary);
    else if (!isTls && !onUring) throw new Error(stderr);
  }
  return binaries;
}

/** A certificate for localhost and its key, as files; null without OpenSSL's program. */
export function certificateFiles() {
  const folder = temporaryFolder();
  const [certificate, key] = ['certificate.pem', 'key.pem'].map((name) => path.join(folder, name));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const { status } = spawnSync('openssl', [
    ...['req', '-x509', '-subj', '/CN=localhost', '-days', '2'],
    ...curve,
    ...['-out', certificate, '-keyout', key],
  ]);
  return status === 0 ? [certificate, key] : null;
}

/** A folder that is removed when this process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Of util-linux; elsewhere nothing is pinned. */
const PIN = 'taskset';

/**
 * Which processor server and client run on. Where the kernel puts them decides more than what they do: a message between two processors of
 * a virtual machine can take ten times as long as one within a processor.
 *
 * @returns `pin(which, command)`: the command on the first or second processor; as it is where that is impossible.
 */
export function pinning() {
  const processors = allowedProcessors();
  const possible = processors.length >= 2 && spawnSync(PIN, ['--version']).status === 0;
  return (which, command) => (possible ? [PIN, '-c', String(processors[which]), ...command] : command);
}

function allowedProcessors() {
  let status;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return [];
  }
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

/** How many descriptors a process may open. */
export function descriptorLimit() {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' });
  const limit = Number(stdout);
  return Number.isFinite(limit) && limit > 0 ? limit : Infinity;
}
