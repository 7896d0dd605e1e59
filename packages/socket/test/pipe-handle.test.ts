import { NotImplementedError, ValueError } from '@tsyncio/core';
import { PipeHandle } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

test('IOCP-21 the ends of a pair are two handles, closed once (elsewhere than on Windows there are none)', () => {
  expect(() => PipeHandle.pair({ duplex: 1 as never })).toThrow(/duplex must be a boolean/);
  if (process.platform !== 'win32') {
    expect(() => PipeHandle.pair()).toThrow(NotImplementedError);
    return;
  }
  const ends = [PipeHandle.pair(), PipeHandle.pair({ duplex: true })].flat();
  expect(new Set(ends.map((end) => end.fileno())).size).toBe(4);
  for (const end of ends) {
    end.close();
    end.close();
    expect(end.handle).toBeNull();
    expect(() => end.fileno()).toThrow(ValueError);
  }
});
