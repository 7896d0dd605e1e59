import { constants } from 'node:os';
import { ValueError } from './errors.js';
import { repr } from './repr.js';

/** A signal of this system. Internal. */
export interface SignalName {
  readonly name: string;
  readonly number: number;
}

const numbers = new Map<string, number>(Object.entries(constants.signals));
/** Some have two names: the first counts. */
const names = new Map<number, string>();
for (const [name, number] of numbers) if (!names.has(number)) names.set(number, name);

/** No program can handle them. */
const UNCATCHABLE: ReadonlySet<string> = new Set(['SIGKILL', 'SIGSTOP']);

/**
 * The signal meant by a name (`'SIGTERM'`) or number. Internal.
 *
 * @throws TypeError for what is neither. ValueError for what is no signal of this system, or none that Node can listen for.
 */
export function signalOf(method: string, sig: unknown): SignalName {
  if (typeof sig === 'string') {
    const number = numbers.get(sig);
    if (number === undefined) throw new ValueError(`${method}: unknown signal ${repr(sig)}`);
    return { name: names.get(number)!, number };
  }
  if (typeof sig !== 'number' || !Number.isInteger(sig)) {
    throw new TypeError(`${method}: sig must be the name or the number of a signal, got ${repr(sig)}`);
  }
  const name = names.get(sig);
  if (name === undefined) throw new ValueError(`${method}: invalid signal number ${sig}`);
  return { name, number: sig };
}

/** @throws ValueError for SIGKILL and SIGSTOP. Internal. */
export function checkCatchable(method: string, { name }: SignalName): void {
  if (UNCATCHABLE.has(name)) throw new ValueError(`${method}: ${name} cannot be caught`);
}
