/**
 * Which event loop is the current one, how loops are made, `run()` and `Runner`.
 *
 * @packageDocumentation
 */
export { getEventLoop, getRunningLoop } from '@tsyncio/core';
export { AbstractEventLoop } from './abstract-event-loop.js';
export { getEventLoopPolicy, newEventLoop, setEventLoop, setEventLoopPolicy } from './loop-access.js';
export { AbstractEventLoopPolicy, BaseDefaultEventLoopPolicy } from './policy.js';
export { run, type RunOptions } from './run.js';
export { Runner, type AnyTaskLoop, type RunnerOptions, type RunnerRunOptions } from './runner.js';
