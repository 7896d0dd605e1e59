import { repr } from '@tsyncio/core';
import { fileDescriptor, type OwnedDescriptor } from '@tsyncio/socket';
import { dupAbove, E, makePipe, openNull, systemCalls, systemError } from '@tsyncio/socket/native';

import { DEVNULL, PIPE, STDOUT } from './constants.js';
import type { OurEnds } from './our-ends.js';
import type { SubprocessOptions } from './subprocess-options.js';

/** The three streams as the caller wants them: a constant, a descriptor, or null. */
export type StdioPlan = readonly [stdin: number | null, stdout: number | null, stderr: number | null];

/** @throws TypeError for what is no descriptor. */
export function planStdio(
  method: string,
  { stdin = PIPE, stdout = PIPE, stderr = PIPE }: SubprocessOptions,
): StdioPlan {
  return [targetOf(method, 'stdin', stdin), targetOf(method, 'stdout', stdout), targetOf(method, 'stderr', stderr)];
}

function targetOf(method: string, name: string, target: unknown): number | null {
  if (target === null) return null;
  if (typeof target === 'number' && Number.isInteger(target)) return target;
  if (typeof target === 'object' && ('fileno' in target || 'fd' in target)) {
    return fileDescriptor(target as { fileno(): number });
  }
  throw new TypeError(
    `${method}: ${name} must be PIPE, ${name === 'stderr' ? 'STDOUT, ' : ''}DEVNULL, null, a descriptor or an object that has one, got ${repr(target)}`,
  );
}

/** Our end of a pipe, for its transport. */
class PipeFile implements OwnedDescriptor {
  constructor(private fd: number) {}

  /** -1 once closed. */
  fileno(): number {
    return this.fd;
  }

  close(): void {
    if (this.fd >= 0) close(this.fd);
    this.fd = -1;
  }
}

/** The descriptors of one child's standard streams. */
export class Stdio implements OurEnds {
  /** What becomes 0, 1 and 2 of the child; -1: nothing new. Each is 3 or more, or the number itself. */
  readonly child: [number, number, number] = [-1, -1, -1];
  /** Our ends of the pipes; -1: no pipe, or handed over. */
  readonly ours: [number, number, number] = [-1, -1, -1];
  /** Those of the child that are ours to close. */
  private owned: number[] = [];

  /** @throws OSError: `EMFILE`; `EBADF` for a descriptor that is not open. Nothing is left open then. */
  constructor(plan: StdioPlan) {
    try {
      for (const fd of [0, 1, 2]) this.child[fd] = this.open(fd, plan[fd]!);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** After the spawn: what the child has now. */
  closeChildEnds(): void {
    for (const fd of this.owned) close(fd);
    this.owned = [];
  }

  /** Closes all that is still here. */
  close(): void {
    this.closeChildEnds();
    for (const fd of [0, 1, 2]) {
      const end = this.take(fd);
      if (end >= 0) close(end);
    }
  }

  end(fd: number): OwnedDescriptor | null {
    return this.ours[fd]! < 0 ? null : new PipeFile(this.ours[fd]!);
  }

  take(fd: number): number {
    const end = this.ours[fd]!;
    this.ours[fd] = -1;
    return end;
  }

  private open(fd: number, target: number | null): number {
    switch (target) {
      case null:
        // Node has made these close-on-exec: what becomes itself is not. One that is closed here stays so.
        return systemCalls().isNonblocking(fd) < 0 ? -1 : fd;
      case PIPE: {
        const [read, write] = pipe();
        this.ours[fd] = fd === 0 ? write : read;
        return this.own(fd, fd === 0 ? read : write);
      }
      case DEVNULL:
        return this.own(fd, nullDevice());
      case STDOUT:
        if (fd !== 2) throw badDescriptor();
        return this.aside(fd, this.child[1] < 0 ? 1 : this.child[1]);
      default:
        if (target < 0) throw badDescriptor();
        return this.aside(fd, target);
    }
  }

  private own(fd: number, descriptor: number): number {
    this.owned.push(descriptor);
    return this.aside(fd, descriptor);
  }

  /** One of 0, 1 and 2 would be overwritten, in the child, before its turn comes: a duplicate is not. */
  private aside(fd: number, descriptor: number): number {
    if (descriptor > 2 || descriptor === fd) return descriptor;
    const copy = dupAbove(descriptor, 3);
    if (copy < 0) throw systemError(copy, 'fcntl');
    this.owned.push(copy);
    return copy;
  }
}

function pipe(): [read: number, write: number] {
  const made = makePipe();
  if (typeof made === 'number') throw systemError(made, 'pipe2');
  return made;
}

function nullDevice(): number {
  const fd = openNull();
  if (fd < 0) throw systemError(fd, 'open');
  return fd;
}

/** Never by `node:fs`: a worker of Node complains about descriptors that it has not opened itself. */
function close(fd: number): void {
  systemCalls().close(fd);
}

function badDescriptor(): Error {
  return systemError(-E.EBADF, 'dup2');
}
