import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { compilePackages, runProgram } from '@tsyncio/test-support';

/** A process that may open 64 descriptors uses them all up, gets a connection, and lets them go when the failure is reported. */
const program = `
  const fs = require('node:fs');
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { SelectorIo } = require('@tsyncio/selector-io');
  const { Socket } = require('@tsyncio/socket');
  const { createServer } = require('@tsyncio/server');
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const taken = [];
  loop.setExceptionHandler((_, { message, exception }) => {
    console.log(message + ': ' + exception.code);
    for (const fd of taken.splice(0)) fs.closeSync(fd);
  });
  loop.runUntilComplete(async () => {
    const made = loop.createFuture();
    const server = await createServer(loop, () => ({ connectionMade: (t) => { t.close(); made.setResult('made'); } }), '127.0.0.1', 0);
    const client = new Socket();
    client.connect(server.sockets[0].getsockname());
    try { for (;;) taken.push(fs.openSync('/dev/null')); } catch (error) { console.log(error.code); }
    const begin = loop.time();
    console.log(await made, loop.time() - begin >= 1, server.isServing());
    server.close();
    client.close();
  }).then(() => loop.close());`;

test('SERVER-32 SERVER-33 out of descriptors: one report, and the connection is accepted a second later', async () => {
  const names = ['core', 'futures-tasks', 'socket', 'selector-io', 'transports-protocols', 'server'];
  const packages = compilePackages(...names);
  const limited = path.join(packages.folder, 'node');
  writeFileSync(limited, `#!/bin/sh\nulimit -n 64\nexec '${process.execPath}' "$@"\n`);
  chmodSync(limited, 0o755);
  const result = await runProgram(program, { cwd: packages.folder, type: 'commonjs', execPath: limited });
  packages.remove();
  expect(result).toEqual({
    stdout: 'EMFILE\nsocket.accept() out of system resource: EMFILE\nmade true true\n',
    stderr: '',
    status: 0,
    signal: null,
  });
}, 60_000);
