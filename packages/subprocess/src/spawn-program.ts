import { statSync } from 'node:fs';

import { E, spawnProcess } from '@tsyncio/socket/native';

import { isAboutFiles, launchError } from './launch-error.js';
import type { LaunchPlan } from './launch-plan.js';
import type { Stdio } from './stdio.js';

const SLASH = 0x2f;

/**
 * Starts the program by `posix_spawn`.
 *
 * @returns its pid.
 * @throws OSError that names the program or the folder.
 */
export function spawnProgram(plan: LaunchPlan, stdio: Stdio): number {
  const { args, cwd, newSession, restoreSignals } = plan;
  const env = Object.entries(plan.env).map(([name, value]) => Buffer.from(`${name}=${value}`));
  const request = { args, env, cwd, stdio: stdio.child, newSession, restoreSignals };
  // As `execvp`: a program that is there and cannot be run is worse news than one that is not there.
  let failed = -E.ENOENT;
  let worst = 0;
  for (const file of filesOf(plan)) {
    failed = spawnProcess({ ...request, file, keep: plan.passFds, closeOthers: plan.closeFds });
    if (failed > 0) return failed;
    if (!isAboutFiles(failed)) break;
    if (failed !== -E.ENOENT && failed !== -E.ENOTDIR) worst ||= failed;
  }
  throw launchError(isAboutFiles(failed) && worst !== 0 ? worst : failed, plan);
}

/** The files that the program's name may mean. */
function* filesOf({ file, path, cwd }: LaunchPlan): Generator<Buffer> {
  if (file.includes(SLASH)) {
    yield file;
    return;
  }
  for (const folder of path.split(':')) {
    const candidate = Buffer.concat([
      Buffer.from(folder === '' ? '' : folder.endsWith('/') ? folder : `${folder}/`),
      file,
    ]);
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
