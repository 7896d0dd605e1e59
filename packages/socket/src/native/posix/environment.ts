import { koffi } from '../koffi.js';

let read: (() => number) | undefined;

/** Where libc has the environment of this process now: its `environ`, which `setenv` moves. */
export function environment(): number {
  return (read ??= declare())();
}

function declare(): () => number {
  const { load, decode } = koffi();
  const variable: unknown = load(null).symbol('environ', 'void *');
  return () => Number(decode(variable, 'uintptr_t'));
}
