import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { App, packed } from './support/app.js';

// Two versions of core in one program: a library brings its own. Independent versions make this the usual case.

jest.setTimeout(120_000);

const library = `
import { CancelledError, ContextVar, OSError, getRunningLoop, isCancelled, osError } from '@tsyncio/core';
import { readFileSync } from 'node:fs';
export const version = JSON.parse(readFileSync(new URL('./node_modules/@tsyncio/core/package.json', import.meta.url), 'utf8')).version;
export const request = new ContextVar('request', { default: 'none' });
export { CancelledError, OSError, getRunningLoop, isCancelled };
export const later = (callback) => getRunningLoop().callSoon(callback);
export const fail = () => { throw osError({ code: 'ECONNRESET', syscall: 'read' }); };
`;

const program = `
import * as core from '@tsyncio/core';
import { currentTask, run, sleep } from 'tsyncio';
import * as library from 'library';

const seen = {};
const records = [];
await run(async () => {
  const loop = core.getRunningLoop();
  seen.versions = [${JSON.stringify('VERSION')}, library.version];
  seen.twoCores = core.CancelledError !== library.CancelledError;
  seen.sameLoop = library.getRunningLoop() === loop;
  // Its variables follow our tasks, and are not shared between them.
  const child = (name) => async () => {
    library.request.set(name);
    await sleep(0.005);
    return library.request.get();
  };
  const tasks = ['a', 'b'].map((name) => loop.createTask(child(name)));
  seen.variables = [...(await Promise.all(tasks)), library.request.get()];
  // Its cancellation is ours.
  const waiting = loop.createTask(async () => {
    try {
      await sleep(10);
    } catch (error) {
      seen.recognised = [library.isCancelled(error), error instanceof library.CancelledError];
      throw new library.CancelledError();
    }
  });
  await sleep(0);
  waiting.cancel();
  await waiting.catch((error) => (seen.caught = core.isCancelled(error)));
  seen.cancelled = waiting.cancelled();
  try {
    library.fail();
  } catch (error) {
    seen.osError = [core.isOSError(error), error.code, error instanceof core.OSError];
  }
  await new Promise((resolve) => library.later(() => resolve((seen.called = library.getRunningLoop() === loop))));
  seen.task = currentTask() !== null;
});
try {
  library.getRunningLoop();
} catch (error) {
  seen.ended = error.message;
}
console.log(JSON.stringify(seen));
`;

test('share the running loop, contexts and cancellation, and know each other’s errors', () => {
  const app = new App();
  try {
    app.install('tsyncio');
    // A later version of core: the same package under another number, packed again.
    const later = path.join(app.folder, 'later-core');
    cpSync(path.join(app.folder, 'node_modules/@tsyncio/core'), later, { recursive: true });
    const file = path.join(later, 'package.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    const ours = manifest.version;
    manifest.version = '7.3.1';
    writeFileSync(file, JSON.stringify(manifest));
    app.run('npm', ['pack', '--silent', './later-core']);
    const tarball = readdirSync(app.folder).find((name) => name.endsWith('-7.3.1.tgz'))!;

    app.write(
      'library/package.json',
      '{ "name": "library", "version": "1.0.0", "type": "module", "exports": "./index.mjs" }',
    );
    app.write('library/index.mjs', library);
    const quiet = ['--offline', '--no-audit', '--no-fund', '--loglevel=error'];
    app.run('npm', ['install', ...quiet, `../${tarball}`], path.join(app.folder, 'library'));
    app.run('npm', ['install', ...quiet, '--no-install-links', './library']);

    const seen = JSON.parse(app.node('two.mjs', program.replace('VERSION', ours))) as unknown;
    expect(seen).toEqual({
      versions: [ours, '7.3.1'],
      twoCores: true,
      sameLoop: true,
      variables: ['a', 'b', 'none'],
      recognised: [true, false],
      caught: true,
      cancelled: true,
      osError: [true, 'ECONNRESET', false],
      called: true,
      task: true,
      ended: expect.stringContaining('no running event loop'),
    });
    expect(packed('@tsyncio/core').tarball).toContain(ours);
  } finally {
    app.remove();
  }
});
