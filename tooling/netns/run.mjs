// Network faults between two network namespaces, with a third one between them as the router: node tooling/netns/run.mjs
// Needs root and iproute2, and built packages (npm start builds them). Installs nothing. Without tc's netem in the kernel, loss and delay are replaced by a
// router that forwards nothing for a tenth of the time; the line says so. Exit code 0 with "skipped: ..." where it cannot run, 1 if a check fails.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const [client, router, server] = ['client', 'router', 'server'].map((name) => `tsyncio-${process.pid}-${name}`);
const SERVER = '10.211.2.2';
const attempt = (command) => spawnSync('sh', ['-c', command], { encoding: 'utf8' });
const inside = (namespace, command) => attempt(`ip netns exec ${namespace} ${command}`);
const later = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const missing = whatIsMissing();
if (missing !== null) {
  console.log(`skipped: ${missing}`);
  process.exit(0);
}
const children = new Set();
process.on('exit', tidy);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
let failed = 0;
build();
await everything();
console.log(failed === 0 ? 'all well' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);

function whatIsMissing() {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid() !== 0) return 'needs root';
  if (attempt('ip -V').status !== 0) return 'ip is missing (iproute2)';
  if (!existsSync(at('../../packages/tsyncio/dist/index.js'))) return 'the packages are not built (npm start does it)';
  const made = attempt(`ip netns add ${router}`);
  if (made.status !== 0) return `no network namespaces here: ${made.stderr.trim()}`;
  attempt(`ip netns del ${router}`);
  return null;
}

/** client 10.211.1.2 - 10.211.1.1 router 10.211.2.1 - 10.211.2.2 server */
function build() {
  const lines = [client, router, server].flatMap((name) => [
    `ip netns add ${name}`,
    `ip netns exec ${name} ip link set lo up`,
  ]);
  for (const [net, name] of [
    [1, client],
    [2, server],
  ]) {
    lines.push(
      `ip link add eth0 netns ${name} type veth peer name eth${net} netns ${router}`,
      `ip netns exec ${name} ip address add 10.211.${net}.2/24 dev eth0`,
      `ip netns exec ${name} ip link set eth0 up`,
      `ip netns exec ${router} ip address add 10.211.${net}.1/24 dev eth${net}`,
      `ip netns exec ${router} ip link set eth${net} up`,
      `ip netns exec ${name} ip route add default via 10.211.${net}.1`,
    );
  }
  for (const line of lines) {
    const { status, stderr } = attempt(line);
    if (status === 0) continue;
    console.log(`skipped: ${line}: ${stderr.trim()}`);
    process.exit(0);
  }
  forward(true);
}

function tidy() {
  for (const child of children) child.kill('SIGKILL');
  for (const name of [client, router, server]) attempt(`ip netns del ${name}`);
}

/** A router that does not forward drops silently: a partition. */
function forward(on) {
  inside(router, `sh -c 'echo ${on ? 1 : 0} > /proc/sys/net/ipv4/ip_forward'`);
}

/** Loss of 10 % and a delay of 50 ms in each direction. @returns How it is done, and what ends it. */
function disturb() {
  const how = ['eth1', 'eth2'].map((name) => inside(router, `tc qdisc add dev ${name} root netem delay 50ms loss 10%`));
  if (how.every(({ status }) => status === 0)) {
    const end = () => ['eth1', 'eth2'].forEach((name) => inside(router, `tc qdisc del dev ${name} root`));
    return { title: 'loss 10 %, delay 50 ms', delayed: true, end };
  }
  const loop = 'while :; do echo 0 > $f; sleep 0.02; echo 1 > $f; sleep 0.18; done';
  const child = spawn('ip', ['netns', 'exec', router, 'sh', '-c', `f=/proc/sys/net/ipv4/ip_forward; ${loop}`]);
  children.add(child);
  const end = () => {
    child.kill('SIGKILL');
    forward(true);
  };
  return { title: 'nothing forwarded for 20 of each 200 ms (no netem in this kernel: no delay)', delayed: false, end };
}

/** A program in a namespace that speaks in lines. */
function start(namespace, program, ...args) {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, at(program), ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.add(child);
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  const ask = async () => {
    child.stdin.write('\n');
    return JSON.parse(await line());
  };
  return { child, line, ask };
}

/**
 * A transfer (or an idle connection, with no bytes) with a fault in its middle.
 * @param {{ bytes: number, options?: string, fault?: () => unknown, heal?: () => unknown, client: string | null, server: string }} wanted - How each side ends.
 */
async function scenario(title, wanted) {
  forward(true);
  const { bytes, options = 'none', fault, heal } = wanted;
  const serving = start(server, 'server.mjs', SERVER, options);
  const { port } = JSON.parse(await serving.line());
  const before = await serving.ask();
  const began = performance.now();
  const asking = start(client, 'client.mjs', SERVER, port, bytes, options);
  await asking.line();
  await fault?.(asking);
  const told = wanted.client === null ? null : JSON.parse(await asking.line());
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  await heal?.();
  let after = await serving.ask();
  for (let tries = 200; after.ends.length === 0 && tries > 0; tries--) {
    await later(0.1);
    after = await serving.ask();
  }
  serving.child.stdin.end();
  const faults = [];
  if (told !== null && told.end !== wanted.client) faults.push(`the client's connection: ${told.end}`);
  if (told !== null && !told.intact) faults.push('what came back differs');
  if (wanted.client === 'ended' && told.received !== bytes) faults.push(`${told.received} of ${bytes} bytes came back`);
  if (after.ends.join() !== wanted.server) faults.push(`the server's connection: ${after.ends.join()}`);
  if (after.open !== 0 || after.fds !== before.fds)
    faults.push(`left: ${JSON.stringify(after)}, before: ${before.fds}`);
  failed += faults.length;
  const ends = `client: ${told?.end ?? 'killed'}, server: ${after.ends.join()}`;
  console.log(`${faults.length === 0 ? 'ok' : 'FAILED'}: ${title}: ${seconds} s; ${ends} ${faults.join('; ')}`);
}

async function everything() {
  const MB = 1_000_000;
  await scenario('a quiet net, 50 MB', { bytes: 50 * MB, client: 'ended', server: 'ended' });
  const disturbance = disturb();
  const much = (disturbance.delayed ? 5 : 400) * MB; // seconds either way
  await scenario(`${disturbance.title}, ${much / MB} MB`, { bytes: much, client: 'ended', server: 'ended' });
  disturbance.end();
  const part = () => forward(false);
  const shortly = async () => {
    part();
    await later(3);
    forward(true);
  };
  const big = 400 * MB;
  await scenario('a partition of 3 s, 400 MB', { bytes: big, fault: shortly, client: 'ended', server: 'ended' });
  await scenario('a partition that lasts, a transfer with TCP_USER_TIMEOUT', {
    bytes: big,
    options: 'user',
    fault: part,
    client: 'ETIMEDOUT',
    server: 'ETIMEDOUT',
  });
  await scenario('a partition that lasts, an idle connection with keepalive', {
    bytes: 0,
    options: 'keepalive',
    fault: part,
    client: 'ETIMEDOUT',
    server: 'ETIMEDOUT',
  });
  await scenario('a client that dies during a partition', {
    bytes: big,
    fault: async ({ child }) => {
      part();
      child.kill('SIGKILL');
      await later(1);
      forward(true);
    },
    client: null,
    server: 'ECONNRESET',
  });
}
