/** Says where something is served: port 0 lets the kernel choose one. */
export function announce(what: string, sockets: Iterable<{ getsockname(): unknown }>): void {
  for (const socket of sockets) {
    const address = socket.getsockname();
    const place = Array.isArray(address) ? `${address[0]} port ${address[1]}` : `unix:${String(address)}`;
    console.log(`${what} on ${place}, Ctrl+C ends it`);
  }
}
