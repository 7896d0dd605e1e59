/**
 * What the tests of all packages share. A test imports it by name, without a dependency: see tooling/jest-preset.
 *
 * @packageDocumentation
 */
export { badCall, type Misuse, type Misuses } from './bad-call.js';
export { runProgram, type ChildOptions, type ChildResult } from './child-process.js';
export { compilePackages, type CompiledPackages } from './compiled.js';
export { collectGarbage } from './garbage.js';
export { leakAudit, type LeakAudit } from './leak-audit.js';
export { holdings, leaksNow, leaksSince, type Holdings } from './leaks.js';
export { quiet } from './quiet.js';
export { LogRecorder, recordExceptions, type LogRecord } from './recorder.js';
export { ScriptedHost } from './scripted-host.js';
export { VirtualClock } from './virtual-clock.js';
