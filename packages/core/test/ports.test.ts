import { NodeHost, NoIo, nodeClock } from '@tsyncio/core';
import { clockContract, hostContract, ioBackendContract } from '@tsyncio/contract-tests';
import { leakAudit, quiet } from '@tsyncio/test-support';

leakAudit();

hostContract('NodeHost', () => ({ host: new NodeHost(), drive: (work) => work }));
clockContract('nodeClock', () => nodeClock);
ioBackendContract('NoIo', () => ({ backend: new NoIo(), turn: quiet }));
