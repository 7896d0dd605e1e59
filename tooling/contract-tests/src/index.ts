/**
 * Suites that every implementation of a port must pass. Call one at the top of a test file:
 *
 * ```ts
 * hostContract('MyHost', () => ({ host: new MyHost(), drive: (work) => work }));
 * ```
 *
 * @packageDocumentation
 */
export { clockContract } from './clock.js';
export { hostContract, type HostUnderTest } from './host.js';
export { ioBackendContract, type BackendUnderTest } from './io-backend.js';
export { selectorContract, type ConnectionEnd, type SelectorUnderTest } from './selector.js';
