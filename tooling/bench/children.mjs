import { spawn } from 'node:child_process';
import process from 'node:process';

/** Every child that runs; none outlives this process. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));

/** A program that speaks in lines. Whoever makes one ends it. */
export class Child {
  /**
   * @param {string[]} command
   * @param {NodeJS.ProcessEnv} env
   */
  constructor([command, ...args], env = process.env) {
    this.name = [command, ...args].join(' ');
    this.child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    running.add(this.child);
    this.gone = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(error.message));
      this.child.on('exit', (code, signal) => resolve(signal ?? `exit status ${code}`));
    });
    void this.gone.then(() => running.delete(this.child));
    // What is written to a program that has just died.
    this.child.stdin.on('error', () => {});
    this.lines = linesOf(this.child.stdout);
  }

  /** Its next line. @throws Error if it ends or says nothing for so many seconds. */
  async line(seconds) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, seconds * 1000, { late: true });
    });
    const { value, late: isLate } = await Promise.race([this.lines.next(), late]);
    clearTimeout(timer);
    if (value !== undefined) return value;
    throw new Error(`${this.name}: ${isLate ? `silent for ${seconds} s` : await this.gone}`);
  }

  /** Its next line, which is JSON. */
  async json(seconds) {
    return JSON.parse(await this.line(seconds));
  }

  send(line) {
    this.child.stdin.write(`${line}\n`);
  }

  /** Ends it: by the end of its input, or after two seconds by force. */
  async end() {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await this.gone;
    clearTimeout(timer);
    this.child.stdout.destroy();
  }
}

/** Lines of a stream, and nothing more at its end. */
async function* linesOf(stream) {
  let rest = '';
  try {
    for await (const chunk of stream.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      yield* lines;
    }
  } catch {
    // Destroyed while it was read: its program has ended.
  }
}
