import { statSync } from 'node:fs';

import { E, spawnProcess } from '@tsyncio/socket/native';

import { isAboutFiles, launchError } from './launch-error.js';
import { DEFAULT_PATH, type LaunchPlan } from './launch-plan.js';
import type { Stdio } from './stdio.js';

const SLASH = 0x2f;

/**
 * Starts the program by `posix_spawn`.
 *
 * @returns its pid.
 * @throws OSError that names the program or the folder.
 */
export function spawnProgram(plan: LaunchPlan, stdio: Stdio): number {
  const { file, args, cwd, newSession, restoreSignals, passFds: keep, closeFds: closeOthers } = plan;
  const env = plan.env === null ? null : Object.entries(plan.env).map(([name, value]) => `${name}=${value}`);
  const request = { args, env, cwd, stdio: stdio.child, newSession, restoreSignals, keep, closeOthers };
  const isPath = file.includes(SLASH);
  const search = !isPath && env === null && plan.path !== null;
  let failed = isPath || search ? spawnProcess({ ...request, file, search }) : -E.ENOENT;
  // libc gives up earlier than `execvp` of Python does, and not in the same way everywhere.
  if (!isPath && failed < 0 && isAboutFiles(failed)) {
    failed = spawnFirst(candidatesOf(plan), (candidate) =>
      spawnProcess({ ...request, file: candidate, search: false }),
    );
  }
  if (failed < 0) throw launchError(failed, plan);
  return failed;
}

/** As `execvp`: a program that is there and cannot be run is worse news than one that is not there. */
function spawnFirst(files: Iterable<Buffer>, spawn: (file: Buffer) => number): number {
  let failed = -E.ENOENT;
  let worst = 0;
  for (const file of files) {
    failed = spawn(file);
    if (failed > 0 || !isAboutFiles(failed)) return failed;
    if (failed !== -E.ENOENT && failed !== -E.ENOTDIR) worst ||= failed;
  }
  return worst || failed;
}

/** The files that the program's name may mean. */
function* candidatesOf({ file, path, cwd }: LaunchPlan): Generator<Buffer> {
  for (const folder of (path ?? DEFAULT_PATH).split(':')) {
    const prefix = folder === '' || folder.endsWith('/') ? folder : `${folder}/`;
    const candidate = Buffer.concat([Buffer.from(prefix), file]);
    if (mayBeThere(candidate, cwd)) yield candidate;
  }
}

/** A look costs a hundredth of an attempt. */
function mayBeThere(file: Buffer, cwd: Buffer | null): boolean {
  const isRelative = file[0] !== SLASH;
  if (isRelative && cwd !== null) return true;
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true; // let the attempt say what it is
  }
}
