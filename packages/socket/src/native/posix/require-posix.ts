/**
 * Throws where there is no POSIX. Called at the first use, never at import.
 *
 * @param what - The subject of the message: 'PollSelector'.
 */
export function requirePosix(what: string): void {
  if (process.platform !== 'win32') return;
  throw new Error(`tsyncio has no ${what} for ${process.platform}-${process.arch}: it needs a POSIX system`);
}
