/** What a descriptor is due for, as bits. */
export const READ = 1;
export const WRITE = 2;
