"""The servers of the echo benchmarks on asyncio's transports: python.py asyncio|uvloop name arguments..."""

import asyncio
import os
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from control import kind_of_loop, new_loop, serve_control, tell

BACKLOG = 1024


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class BufferedEcho(asyncio.BufferedProtocol):
    def __init__(self):
        self.buffer = memoryview(bytearray(256 * 1024))

    def connection_made(self, transport):
        self.transport = transport

    def get_buffer(self, size_hint):
        return self.buffer

    def buffer_updated(self, n):
        self.transport.write(self.buffer[:n])


class DatagramEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(data, peer)


class Sender(asyncio.Protocol):
    """The whole file for each byte that arrives."""

    def __init__(self, loop, file):
        self.loop = loop
        self.file = file

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.task = self.loop.create_task(self.loop.sendfile(self.transport, self.file))


async def serve_tcp(loop, factory, **options):
    server = await loop.create_server(factory, "127.0.0.1", 0, backlog=BACKLOG, **options)
    serve_control(loop, server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def tcp(loop):
    await serve_tcp(loop, Echo)


async def buffered(loop):
    await serve_tcp(loop, BufferedEcho)


async def tls(loop, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    await serve_tcp(loop, Echo, ssl=context)


async def unix(loop, path):
    server = await loop.create_unix_server(Echo, path, backlog=BACKLOG)
    serve_control(loop, path)
    await server.serve_forever()


async def udp(loop):
    transport, _ = await loop.create_datagram_endpoint(DatagramEcho, local_addr=("127.0.0.1", 0))
    serve_control(loop, f"udp:{transport.get_extra_info('sockname')[1]}")
    await loop.create_future()


async def pipe(loop, path):
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", 0)
    await loop.connect_read_pipe(asyncio.Protocol, file)
    serve_control(loop, path)
    await loop.create_future()


async def sendfile(loop, path):
    file = open(path, "rb")
    await serve_tcp(loop, lambda: Sender(loop, file))


programs = {each.__name__: each for each in (tcp, buffered, tls, unix, udp, pipe, sendfile)}


def main():
    kind = kind_of_loop()
    name, *arguments = sys.argv[2:]
    # uvloop has no sendfile.
    if name not in programs or (kind == "uvloop" and name == "sendfile"):
        tell(None)
        return
    loop = new_loop(kind)
    loop.run_until_complete(programs[name](loop, *arguments))


main()
