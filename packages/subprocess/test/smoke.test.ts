import { TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { leakAudit } from '@tsyncio/test-support';
import { subprocessExec } from '@tsyncio/subprocess';

leakAudit();

test('cat', async () => {
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const events: string[] = [];
  await loop.runUntilComplete(async () => {
    const done = loop.createFuture<void>();
    const [t] = await subprocessExec(
      loop,
      () => ({
        connectionMade() {
          events.push('made');
        },
        pipeDataReceived(fd: number, data: Buffer) {
          events.push(`data ${fd} ${data.toString()}`);
        },
        pipeConnectionLost(fd: number, e: Error | null) {
          events.push(`pipe ${fd} ${e}`);
        },
        processExited() {
          events.push(`exited ${t.getReturncode()}`);
        },
        connectionLost(e: Error | null) {
          events.push(`lost ${e}`);
          done.setResult();
        },
      }),
      'cat',
    );
    console.log(String(t));
    t.getPipeTransport(0)!.write(Buffer.from('hello'));
    t.getPipeTransport(0)!.close();
    await done;
    console.log(String(t));
  });
  loop.close();
  console.log(events);
});
