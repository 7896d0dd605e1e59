/** The error of a promise, or of a call. */
export async function errorOf(work: PromiseLike<unknown> | (() => unknown)): Promise<Error & { code?: string }> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error as Error;
  }
  throw new Error('an error was expected');
}
