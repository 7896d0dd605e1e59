import { replacePolicy } from '@tsyncio/core';
import * as socket from '@tsyncio/socket';
import * as tsyncio from 'tsyncio';

const {
  DefaultEventLoopPolicy,
  EventLoop,
  SelectorEventLoop,
  getEventLoop,
  getEventLoopPolicy,
  newEventLoop,
  setEventLoop,
} = tsyncio;

afterEach(() => replacePolicy(null));

test('POLICY-12 the default policy makes SelectorEventLoops', () => {
  const loop = newEventLoop();
  expect(loop).toBeInstanceOf(SelectorEventLoop);
  expect(loop).toBeInstanceOf(EventLoop);
  loop.close();
  expect(() => setEventLoop(loop)).not.toThrow();
});

test('POLICY-09 POLICY-10 the default policy is made at first use; forgotten, the next one has no loop', () => {
  const policy = getEventLoopPolicy();
  expect(policy).toBeInstanceOf(DefaultEventLoopPolicy);
  expect(getEventLoopPolicy()).toBe(policy);
  const loop = getEventLoop();
  expect(getEventLoop()).toBe(loop);
  tsyncio.setEventLoopPolicy(null);
  expect(getEventLoopPolicy()).not.toBe(policy);
  const next = getEventLoop();
  expect(next).not.toBe(loop);
  loop.close();
  next.close();
});

test('RUNLOOP-02 getRunningLoop() outside of a run is a RuntimeError, even if a current loop is set', () => {
  const loop = newEventLoop();
  setEventLoop(loop);
  expect(() => tsyncio.getRunningLoop()).toThrow('no running event loop');
  loop.close();
});

test('nothing of the insides is exported', () => {
  const names = Object.keys(tsyncio);
  for (const inside of [
    'Scheduler',
    'threadState',
    'AsyncStore',
    'brand',
    'Stepper',
    'StreamTransport',
    'finishedOperation',
  ]) {
    expect(names).not.toContain(inside);
  }
});

test('every method of the loop that API.md and this version have is there', () => {
  const loop = newEventLoop();
  const methods = `runUntilComplete runForever stop isRunning isClosed close shutdownAsyncgens callSoon callSoonThreadsafe callLater
    callAt time createFuture createTask setTaskFactory getTaskFactory createConnection createServer addReader removeReader addWriter
    removeWriter setExceptionHandler getExceptionHandler defaultExceptionHandler callExceptionHandler getDebug setDebug asyncgen`;
  for (const name of methods.split(/\s+/))
    expect(typeof (loop as unknown as Record<string, unknown>)[name]).toBe('function');
  expect(loop.slowCallbackDuration).toBe(0.1);
  loop.close();
});

test('LOOP-RUN-23 the repr of a loop shows its class and state', () => {
  const loop = newEventLoop();
  expect(String(loop)).toBe('<SelectorEventLoop running=false closed=false debug=false>');
  loop.close();
  expect(String(loop)).toBe('<SelectorEventLoop running=false closed=true debug=false>');
});

test('the constants of the socket package are all here', () => {
  const isConstant = (name: string): boolean =>
    /^[A-Z][A-Z0-9]*_[A-Z0-9_]+$/.test(name) && !/^CMSG_|_CALLS$/.test(name);
  const names = Object.keys(socket).filter(isConstant);
  expect(names.length).toBeGreaterThan(100);
  expect(Object.keys(tsyncio)).toEqual(expect.arrayContaining(names));
});
