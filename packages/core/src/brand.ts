/**
 * Marks that survive two copies of a package in one program.
 *
 * `instanceof` fails between an ESM and a CJS build, or between two versions, of the same class. A brand is a property
 * on the prototype under a registered symbol, so every copy sees it.
 */

/** The registered symbols by name: looking one up in the registry costs more than all the rest of {@link hasBrand}. */
const symbols: Record<string, symbol | undefined> = Object.create(null) as Record<string, symbol | undefined>;

function symbolOf(name: string): symbol {
  return (symbols[name] ??= Symbol.for(`tsyncio.brand.${name}`));
}

/**
 * Marks every instance of a class as a `name`.
 *
 * @param prototype - The prototype that carries the brand; subclasses inherit it.
 * @param name - For example `'Future'`.
 */
export function brand(prototype: object, name: string): void {
  Object.defineProperty(prototype, symbolOf(name), { value: true });
}

/**
 * Tells whether `value` carries the brand `name`, whichever copy of the package made it.
 *
 * @param value - Anything. A class itself is not an instance of itself: `hasBrand(Future, 'Future')` is false.
 * @param name - For example `'Future'`.
 */
export function hasBrand(value: unknown, name: string): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return (value as Record<symbol, unknown>)[symbolOf(name)] === true;
}
