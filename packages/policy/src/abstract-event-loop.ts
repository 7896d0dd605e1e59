import { brand, NotImplementedError, type AnyLoop, type ExceptionContext } from '@tsyncio/core';
import { failedOperation, type Operation } from '@tsyncio/futures-tasks';

function refuse(method: string): never {
  throw new NotImplementedError(`AbstractEventLoop.${method}`);
}

function refuseWhenAwaited(method: string): Operation<never> {
  return failedOperation(null, new NotImplementedError(`AbstractEventLoop.${method}`));
}

/**
 * The methods of an event loop, for implementations that do not extend ours: each throws NotImplementedError until overridden; what is a
 * coroutine in asyncio gives an operation that fails with it when awaited. asyncio: `AbstractEventLoop`.
 */
export class AbstractEventLoop implements AnyLoop {
  static {
    brand(this.prototype, 'EventLoop');
  }

  // Running and stopping.
  runForever(): Promise<void> {
    return refuse('runForever');
  }
  runUntilComplete(_awaitable: unknown): Promise<unknown> {
    return refuse('runUntilComplete');
  }
  stop(): void {
    refuse('stop');
  }
  isRunning(): boolean {
    return refuse('isRunning');
  }
  isClosed(): boolean {
    return refuse('isClosed');
  }
  close(): void {
    refuse('close');
  }
  shutdownAsyncgens(): Operation<void> {
    return refuseWhenAwaited('shutdownAsyncgens');
  }

  // Callbacks.
  /** Not abstract: calls `callLater(0, ...)`, as asyncio's does. */
  callSoon(callback: (...args: never[]) => unknown, ...args: unknown[]): unknown {
    return this.callLater(0, callback, ...args);
  }
  callSoonThreadsafe(_callback: (...args: never[]) => unknown, ..._args: unknown[]): unknown {
    return refuse('callSoonThreadsafe');
  }
  /** @param _delay - Seconds. */
  callLater(_delay: number, _callback: (...args: never[]) => unknown, ..._args: unknown[]): unknown {
    return refuse('callLater');
  }
  /** @param _when - Seconds on the clock of {@link time}. */
  callAt(_when: number, _callback: (...args: never[]) => unknown, ..._args: unknown[]): unknown {
    return refuse('callAt');
  }
  /** Seconds. */
  time(): number {
    return refuse('time');
  }

  // Futures and tasks.
  createFuture(): unknown {
    return refuse('createFuture');
  }
  createTask(_coroutine: unknown, _options?: object): unknown {
    return refuse('createTask');
  }
  setTaskFactory(_factory: unknown): void {
    refuse('setTaskFactory');
  }
  getTaskFactory(): unknown {
    return refuse('getTaskFactory');
  }

  // Threads and processes.
  runInExecutor(_executor: unknown, _func: unknown, ..._args: unknown[]): unknown {
    return refuse('runInExecutor');
  }
  setDefaultExecutor(_executor: unknown): void {
    refuse('setDefaultExecutor');
  }

  // Names.
  getaddrinfo(_host: unknown, _port: unknown, _options?: object): Operation<unknown> {
    return refuseWhenAwaited('getaddrinfo');
  }
  getnameinfo(_sockaddr: unknown, _flags?: number): Operation<unknown> {
    return refuseWhenAwaited('getnameinfo');
  }

  // Connections and servers.
  createConnection(_factory: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('createConnection');
  }
  createServer(_factory: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('createServer');
  }
  createUnixConnection(_factory: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('createUnixConnection');
  }
  createUnixServer(_factory: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('createUnixServer');
  }
  createDatagramEndpoint(_factory: unknown, _options?: object): Operation<unknown> {
    return refuseWhenAwaited('createDatagramEndpoint');
  }
  connectAcceptedSocket(_factory: unknown, _sock: unknown, _options?: object): Operation<unknown> {
    return refuseWhenAwaited('connectAcceptedSocket');
  }
  sendfile(_transport: unknown, _file: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('sendfile');
  }
  startTls(_transport: unknown, _protocol: unknown, _sslContext: unknown, _options?: object): Operation<unknown> {
    return refuseWhenAwaited('startTls');
  }
  connectReadPipe(_factory: unknown, _pipe: unknown): Operation<unknown> {
    return refuseWhenAwaited('connectReadPipe');
  }
  connectWritePipe(_factory: unknown, _pipe: unknown): Operation<unknown> {
    return refuseWhenAwaited('connectWritePipe');
  }
  subprocessShell(_factory: unknown, _command: unknown, _options?: object): Operation<unknown> {
    return refuseWhenAwaited('subprocessShell');
  }
  subprocessExec(_factory: unknown, _program: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('subprocessExec');
  }

  // Descriptors and sockets.
  addReader(_fd: unknown, _callback: (...args: never[]) => unknown, ..._args: unknown[]): unknown {
    return refuse('addReader');
  }
  removeReader(_fd: unknown): boolean {
    return refuse('removeReader');
  }
  addWriter(_fd: unknown, _callback: (...args: never[]) => unknown, ..._args: unknown[]): unknown {
    return refuse('addWriter');
  }
  removeWriter(_fd: unknown): boolean {
    return refuse('removeWriter');
  }
  sockRecv(_sock: unknown, _nbytes: number): Operation<unknown> {
    return refuseWhenAwaited('sockRecv');
  }
  sockRecvInto(_sock: unknown, _buffer: Uint8Array): Operation<unknown> {
    return refuseWhenAwaited('sockRecvInto');
  }
  sockSendall(_sock: unknown, _data: Uint8Array): Operation<unknown> {
    return refuseWhenAwaited('sockSendall');
  }
  sockConnect(_sock: unknown, _address: unknown): Operation<unknown> {
    return refuseWhenAwaited('sockConnect');
  }
  sockAccept(_sock: unknown): Operation<unknown> {
    return refuseWhenAwaited('sockAccept');
  }
  sockSendfile(_sock: unknown, _file: unknown, ..._rest: unknown[]): Operation<unknown> {
    return refuseWhenAwaited('sockSendfile');
  }

  // Signals.
  addSignalHandler(_signal: unknown, _callback: (...args: never[]) => unknown, ..._args: unknown[]): void {
    refuse('addSignalHandler');
  }
  removeSignalHandler(_signal: unknown): boolean {
    return refuse('removeSignalHandler');
  }

  // Errors and debugging.
  setExceptionHandler(_handler: unknown): void {
    refuse('setExceptionHandler');
  }
  getExceptionHandler(): unknown {
    return refuse('getExceptionHandler');
  }
  defaultExceptionHandler(_context: ExceptionContext): void {
    refuse('defaultExceptionHandler');
  }
  callExceptionHandler(_context: ExceptionContext): void {
    refuse('callExceptionHandler');
  }
  getDebug(): boolean {
    return refuse('getDebug');
  }
  setDebug(_enabled: boolean): void {
    refuse('setDebug');
  }
}
