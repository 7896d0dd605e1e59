import type { OSError } from '@tsyncio/core';
import type { Address } from '@tsyncio/socket';
import { E, systemError } from '@tsyncio/socket/native';

/** What stands behind a simulated descriptor: something that becomes ready. */
export abstract class Source {
  /** Polls for which it is not reported as ready, whatever its state. */
  delay = 0;
  private readonly observers = new Set<() => void>();

  abstract get readable(): boolean;
  abstract get writable(): boolean;

  /** Calls `observer` after each change that may have made it ready. @returns How to end that. */
  observe(observer: () => void): () => void {
    this.observers.add(observer);
    return () => void this.observers.delete(observer);
  }

  /** Internal: it may have become ready. */
  changed(): void {
    for (const observer of this.observers) observer();
  }

  /** Internal: a poll asks; uses up the delay. */
  isDelayed(): boolean {
    if (this.delay === 0) return false;
    this.delay--;
    return true;
  }
}

/** Something that has a simulated descriptor. */
export interface Simulated {
  readonly source: Source;
  fileno(): number;
}

export function isSimulated(file: unknown): file is Simulated {
  return typeof file === 'object' && file !== null && (file as Partial<Simulated>).source instanceof Source;
}

/** The OSError of a system call that was never made. */
export function memoryError(code: string, syscall: string, address?: Address): OSError {
  return systemError(-((E as Readonly<Record<string, number>>)[code] ?? 5), syscall, address);
}

/** Above any real descriptor. Never used twice. */
let nextFd = 1_000_000;

const open = new Map<number, Simulated>();

/** A number for a new simulated descriptor. */
export function newDescriptor(): number {
  return nextFd++;
}

/** `fd` now stands for `file`, or for nothing any more. */
export function describe(fd: number, file: Simulated | null): void {
  if (file === null) open.delete(fd);
  else open.set(fd, file);
}

/** The open file behind a number. */
export function simulatedAt(fd: number): Simulated | undefined {
  return open.get(fd);
}
