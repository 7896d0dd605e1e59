/** What a descriptor is due for, as bits. */
export const READ = 1;
export const WRITE = 2;

/** What puts handles on the ready queue at the end of a poll. */
export interface Reporter {
  /** It stands in one of the lists. */
  listed: boolean;
  /** Called once for each time that it is listed. */
  report(): void;
}

/**
 * Those whose handles are due, in the order of a readiness selector: first what was waiting, in the order of events, then what was asked for
 * only now and was ready at once.
 */
export class Reports {
  private waiting: Reporter[] = [];
  private fresh: Reporter[] = [];

  add(reporter: Reporter, fresh: boolean): void {
    if (reporter.listed) return;
    reporter.listed = true;
    (fresh ? this.fresh : this.waiting).push(reporter);
  }

  /** Lets them all report. */
  flush(): void {
    if (this.waiting.length > 0) flush(this.waiting);
    if (this.fresh.length > 0) flush(this.fresh);
  }
}

function flush(list: Reporter[]): void {
  for (const reporter of list) {
    reporter.listed = false;
    reporter.report();
  }
  list.length = 0;
}
