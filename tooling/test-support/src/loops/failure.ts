/** What an operation is rejected with. Fails if it is not. */
export async function failure(awaitable: PromiseLike<unknown>): Promise<Error & { code?: string; syscall?: string }> {
  try {
    await awaitable;
  } catch (error) {
    return error as Error;
  }
  throw new Error('an error was expected');
}
