import { accessSync, constants, statSync } from 'node:fs';

import type { OSError } from '@tsyncio/core';
import { E, pathError, systemError } from '@tsyncio/socket/native';

import type { LaunchPlan } from './launch-plan.js';

/** Errors that are about the program or the folder. Any other is about neither: no memory, too many processes, too many descriptors. */
const ABOUT_FILES: ReadonlySet<number> = new Set([
  E.ENOENT,
  E.ENOTDIR,
  E.EACCES,
  E.EPERM,
  E.ELOOP,
  E.ENAMETOOLONG,
  E.ENOEXEC,
  E.E2BIG,
  E.ETXTBSY,
  E.EISDIR,
  E.EINVAL,
]);

/** Whether it makes sense to look in the next folder of PATH. */
export function isAboutFiles(negated: number): boolean {
  return ABOUT_FILES.has(-negated);
}

/** The error of a spawn, with the path that is to blame: the folder, if the child could not go there, or else the program. */
export function launchError(negated: number, { cwd, file }: LaunchPlan): OSError {
  if (!isAboutFiles(negated)) return systemError(negated, 'spawn');
  return (cwd === null ? null : folderError(cwd)) ?? pathError(negated, 'spawn', file.toString());
}

/** What keeps a process out of a folder; null: nothing does. */
function folderError(folder: Buffer): OSError | null {
  try {
    if (!statSync(folder).isDirectory()) return pathError(-E.ENOTDIR, 'chdir', folder.toString());
    accessSync(folder, constants.X_OK);
    return null;
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    return pathError(errno!, 'chdir', folder.toString());
  }
}
