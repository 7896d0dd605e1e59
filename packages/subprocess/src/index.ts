/**
 * asyncio's subprocesses for TypeScript: subprocessExec, createSubprocessExec and Process.
 *
 * @packageDocumentation
 */
export {};
