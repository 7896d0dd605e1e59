import {
  BrokenPipeError,
  CancelledError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  FileNotFoundError,
  GaiError,
  hasBrand,
  InvalidStateError,
  isCancelled,
  isExitError,
  isOSError,
  KeyboardInterrupt,
  NotImplementedError,
  OSError,
  osError,
  PermissionError,
  ProcessLookupError,
  RuntimeError,
  SendfileNotAvailableError,
  TimeoutError,
  ValueError,
} from '@tsyncio/core';

const plain = { CancelledError, InvalidStateError, TimeoutError, RuntimeError, ValueError, KeyboardInterrupt };
const os = {
  OSError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  ConnectionAbortedError,
  BrokenPipeError,
  FileNotFoundError,
  PermissionError,
  ProcessLookupError,
  GaiError,
};

test.each(Object.entries({ ...plain, ...os, SendfileNotAvailableError, NotImplementedError }))(
  '%s has its name, its message, a stack and a brand',
  (name, type) => {
    const error: Error = new type('text');
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.message, String(error)]).toEqual([name, 'text', `${name}: text`]);
    expect(error.stack).toContain('errors.test.ts');
    expect(hasBrand(error, name)).toBe(true);
    expect(Object.keys(error)).toEqual([]);
  },
);

test('ERR-01 CancelledError is apart: of no class that a handler of ordinary errors looks for', () => {
  const cancelled = new CancelledError();
  for (const type of [InvalidStateError, TimeoutError, RuntimeError, ValueError, OSError, KeyboardInterrupt]) {
    expect(cancelled).not.toBeInstanceOf(type);
  }
  for (const type of [InvalidStateError, TimeoutError]) {
    expect(Object.getPrototypeOf(type.prototype)).toBe(Error.prototype);
  }
  expect([isCancelled(cancelled), isCancelled(new TimeoutError()), isCancelled(null)]).toEqual([true, false, false]);
  expect([isExitError(new KeyboardInterrupt()), isExitError(cancelled)]).toEqual([true, false]);
});

test('ERR-02 TimeoutError is neither the time-out of the operating system nor that of the platform', () => {
  const late = osError({ code: 'ETIMEDOUT', syscall: 'connect' });
  expect(late).not.toBeInstanceOf(TimeoutError);
  expect(new TimeoutError()).not.toBeInstanceOf(OSError);
  expect(new TimeoutError()).not.toBeInstanceOf(DOMException);
});

test('ERR-03 SendfileNotAvailableError is a RuntimeError', () => {
  expect(new SendfileNotAvailableError()).toBeInstanceOf(RuntimeError);
  expect(new NotImplementedError()).toBeInstanceOf(RuntimeError);
});

test.each([
  ['ECONNREFUSED', ConnectionRefusedError, ConnectionError],
  ['ECONNRESET', ConnectionResetError, ConnectionError],
  ['ECONNABORTED', ConnectionAbortedError, ConnectionError],
  ['EPIPE', BrokenPipeError, ConnectionError],
  ['ESHUTDOWN', BrokenPipeError, ConnectionError],
  ['ENOENT', FileNotFoundError, OSError],
  ['EACCES', PermissionError, OSError],
  ['EPERM', PermissionError, OSError],
  ['ESRCH', ProcessLookupError, OSError],
  ['EAI_NONAME', GaiError, OSError],
  ['EINVAL', OSError, OSError],
  ['toString', OSError, OSError],
])('the code %s makes its class', (code, type, base) => {
  const error = osError({ code });
  expect(error.constructor).toBe(type);
  expect(error).toBeInstanceOf(base);
  expect([isOSError(error), error.code]).toEqual([true, code]);
});

test('an OSError has the fields and the text of a system error of Node', () => {
  const error = osError({ code: 'ECONNREFUSED', errno: -111, syscall: 'connect', address: '127.0.0.1', port: 1 });
  expect(error.message).toBe('connect ECONNREFUSED 127.0.0.1:1');
  expect({ ...error }).toEqual({
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
    address: '127.0.0.1',
    port: 1,
  });
  expect(osError({ code: 'ENOENT', syscall: 'bind', path: '/x' }).message).toBe('bind ENOENT /x');
  expect(osError({ message: 'mine', code: 'EPIPE' }).message).toBe('mine');
  expect(osError({}).message).toBe('operating system error');
  const cause = new Error('cause');
  expect(new OSError('text', { cause }).cause).toBe(cause);
});
