import { profiles } from './profiles.js';

/** How many seeds of each profile are recorded. */
const PER_PROFILE = 60;

/**
 * Seeds of rare situations: the programs in which deliberate faults of the library were seen that few others show (a cancellation at the
 * end of an operation, or in place of an undelivered failure; the texts of tasks that wait for each other). They go with this generator.
 */
const rare = [
  1420, 8134, 1829, 2297, 2624, 2819, 4107, 4512, 4920, 5087, 1424, 2090, 2354, 2661, 2961, 3269, 3569, 3677, 3774,
  4051, 4160, 4392, 7036, 8053, 4763,
];

/** The seeds of the golden traces. */
export const goldenSeeds: readonly number[] = [
  ...Array.from({ length: PER_PROFILE * profiles.length }, (_, seed) => seed),
  ...rare,
];
