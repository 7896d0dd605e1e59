/** What the ready queue holds: something to run once. Handles, steps of tasks and wake-ups of awaiters are jobs. */
export interface Job {
  run(): void;
  /** The task that it resumes: debug mode names it when the step was slow. Asked before the job runs. */
  awaitingTask?(): object | null;
}

/** First in, first out; a ring of a power of two, so that a turn allocates nothing. */
export class ReadyQueue {
  private ring: (Job | undefined)[] = new Array<Job | undefined>(64);
  private mask = 63;
  private head = 0;
  private count = 0;

  get length(): number {
    return this.count;
  }

  push(job: Job): void {
    if (this.count > this.mask) this.grow();
    this.ring[(this.head + this.count++) & this.mask] = job;
  }

  /** Takes the oldest job; the queue must not be empty. */
  shift(): Job {
    const job = this.ring[this.head]!;
    this.ring[this.head] = undefined;
    this.head = (this.head + 1) & this.mask;
    this.count--;
    return job;
  }

  clear(): void {
    this.ring = new Array<Job | undefined>(64);
    this.mask = 63;
    this.head = 0;
    this.count = 0;
  }

  private grow(): void {
    const { ring, mask, head } = this;
    const bigger = new Array<Job | undefined>(ring.length * 2);
    for (let i = 0; i <= mask; i++) bigger[i] = ring[(head + i) & mask];
    this.ring = bigger;
    this.mask = bigger.length - 1;
    this.head = 0;
  }
}
