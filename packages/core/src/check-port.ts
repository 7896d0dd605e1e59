import { repr } from './repr.js';

/**
 * @param name - Of the option that gives the port.
 * @param methods - What must be there; a port's optional methods are not listed.
 * @throws TypeError if `value` is no object with these methods.
 */
export function checkPort(name: string, value: unknown, methods: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object, got ${repr(value)}`);
  for (const method of methods) {
    if (typeof (value as Record<string, unknown>)[method] !== 'function') {
      throw new TypeError(`${name} must have a method ${method}(), got ${repr(value)}`);
    }
  }
}
