/**
 * The constants of sockets and of name resolution, and nothing else.
 *
 * @packageDocumentation
 */
export * from './constants.js';
export * from './dns/constants.js';
