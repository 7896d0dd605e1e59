import { DEVNULL, PIPE, STDOUT, Semaphore, TimeoutError, createSubprocessShell, timeout, type Process } from 'tsyncio';

export interface Job {
  readonly name: string;
  /** For the shell. */
  readonly command: string;
}

export function readJobs(text: string): Job[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name, command] = /^([^:]+):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || command === undefined) throw new SyntaxError(`name: command, not ${line}`);
    return { name: name.trim(), command };
  });
}

/** Runs so many jobs at a time. */
export class JobRunner {
  private readonly gate: Semaphore;
  private ended = 0;

  constructor(
    private readonly count: number,
    workers: number,
    private readonly seconds: number,
  ) {
    this.gate = new Semaphore(workers);
  }

  /** @returns How it ended: `done`, `exit code 3`, `too slow`. */
  async run(job: Job): Promise<string> {
    await this.gate.acquire();
    try {
      const outcome = await this.runNow(job);
      this.ended++;
      this.tell(job, outcome);
      return outcome;
    } finally {
      this.gate.release();
    }
  }

  private async runNow(job: Job): Promise<string> {
    const process = await createSubprocessShell(job.command, { stdin: DEVNULL, stdout: PIPE, stderr: STDOUT });
    try {
      const code = await timeout(this.seconds, () => this.follow(job, process));
      return code === 0 ? 'done' : `exit code ${code}`;
    } catch (error) {
      if (error instanceof TimeoutError) return 'too slow';
      throw error;
    } finally {
      // Too slow, or cancelled: nothing is left running.
      if (process.returncode === null) {
        process.kill();
        await process.wait();
      }
    }
  }

  /** Passes its output on, line by line. */
  private async follow(job: Job, process: Process): Promise<number> {
    for await (const line of process.stdout!) this.tell(job, line.toString().trimEnd());
    return process.wait();
  }

  private tell({ name }: Job, text: string): void {
    console.log(`[${this.ended}/${this.count}] ${name}: ${text}`);
  }
}
