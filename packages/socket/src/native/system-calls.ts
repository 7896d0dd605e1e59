import type { Address } from '../address.js';

/**
 * The system calls that the package makes, one implementation for each operating system.
 *
 * Every call returns its result (zero or more) or the **negated** error number, as the kernel does, so that "would block" on a
 * hot path is a comparison and not an exception. Calls interrupted by a signal (EINTR) are made again.
 */
export interface SystemCalls {
  /** `socket(2)`; close-on-exec, and non-blocking if asked. */
  socket(family: number, type: number, protocol: number, nonblocking: boolean): number;
  /** `socketpair(2)`; both close-on-exec. */
  socketpair(family: number, type: number, protocol: number, nonblocking: boolean): number | [number, number];
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** `accept4(2)`; the new descriptor is close-on-exec, and non-blocking if asked. The peer is {@link acceptedFrom} until the next call. */
  accept(fd: number, nonblocking: boolean): number;
  /** The address of the peer of the last successful {@link accept}. */
  acceptedFrom(): Address;
  /** `connect(2)`. EINTR is not retried (the connection goes on in the kernel): wait for writability and read SO_ERROR. */
  connect(fd: number, address: Uint8Array): number;
  /** Receives at most `length` bytes at `address`; 0 at the end of the stream. */
  recv(fd: number, address: number, length: number, flags: number): number;
  /** As {@link recv}, into the start of `into`. */
  recvInto(fd: number, into: Uint8Array, length: number, flags: number): number;
  /** `send(2)`, without SIGPIPE. */
  send(fd: number, data: Uint8Array, flags: number): number;
  /** `sendmsg(2)` of the chunks `from` to the end, at most {@link GATHER_MAX} of them, without SIGPIPE. */
  gather(fd: number, chunks: readonly Uint8Array[], from: number): number;
  /** `sendto(2)`, without SIGPIPE. */
  sendto(fd: number, data: Uint8Array, flags: number, address: Uint8Array): number;
  /** `recvfrom(2)` into the start of `into`. The sender is {@link receivedFrom} until the next call. */
  recvfrom(fd: number, into: Uint8Array, length: number, flags: number): number;
  /** The sender of what the last successful {@link recvfrom} or {@link recvmsg} brought; null if it has no address. */
  receivedFrom(): Address | null;
  /** `sendmsg(2)` of all chunks as one message, without SIGPIPE. `control` as `encodeControl` makes it; the address may be null. */
  sendmsg(
    fd: number,
    chunks: readonly Uint8Array[],
    control: Uint8Array | null,
    flags: number,
    address: Uint8Array | null,
  ): number;
  /**
   * `recvmsg(2)`; descriptors that arrive are close-on-exec. Until the next call {@link receivedControl}, {@link receivedFlags} and
   * {@link receivedFrom} tell the rest.
   */
  recvmsg(fd: number, into: Uint8Array, control: Uint8Array | null, flags: number): number;
  /** How many bytes of control messages the last {@link recvmsg} brought. */
  receivedControl(): number;
  /** The flags that the last {@link recvmsg} brought: `MSG_TRUNC` and so on. */
  receivedFlags(): number;
  /** Family, type and protocol of a socket; where the kernel does not tell the protocol, 0. */
  kindOf(fd: number): number | [family: number, type: number, protocol: number];
  shutdown(fd: number, how: number): number;
  getsockname(fd: number): number | Address;
  getpeername(fd: number): number | Address;
  /** An option that is a number. */
  getOption(fd: number, level: number, name: number): { value: number } | number;
  /** An option as bytes; `into` is filled, the length is returned. */
  getOptionBytes(fd: number, level: number, name: number, into: Uint8Array): number;
  setOption(fd: number, level: number, name: number, value: number): number;
  setOptionBytes(fd: number, level: number, name: number, value: Uint8Array): number;
  setNonblocking(fd: number, nonblocking: boolean): number;
  /** 1 if non-blocking, 0 if blocking. */
  isNonblocking(fd: number): number;
  setCloseOnExec(fd: number): number;
  /** A close-on-exec duplicate. */
  dup(fd: number): number;
  /** Closes once: never made again after EINTR, because the descriptor is gone already. */
  close(fd: number): number;
  /** Waits until `fd` is writable (blocking sockets only). */
  waitWritable(fd: number): number;
  /** Turns an address into the kernel's bytes for a socket of `family`. Throws ValueError, TypeError or GaiError. */
  encodeAddress(family: number, address: unknown): Uint8Array;
}

/** How many chunks one {@link SystemCalls.gather} takes. */
export const GATHER_MAX = 64;
