/**
 * asyncio's subprocesses for TypeScript: subprocessExec, createSubprocessExec and Process.
 *
 * @packageDocumentation
 */
export { type ChildProcessInfo, ChildTransport, type SubprocessLoop } from './child-transport.js';
export { DEVNULL, PIPE, STDOUT } from './constants.js';
export { createSubprocessExec, type CreateSubprocessOptions, createSubprocessShell } from './create-subprocess.js';
export { Process, type ProcessOutput } from './process.js';
export { subprocessExec, subprocessShell } from './subprocess-exec.js';
export { type PathLike, type StdioTarget, SUBPROCESS_OPTIONS, type SubprocessOptions } from './subprocess-options.js';
export { SubprocessProtocol, type SubprocessProtocolCallbacks } from './subprocess-protocol.js';
export { type Signal, SubprocessTransport } from './subprocess-transport.js';
