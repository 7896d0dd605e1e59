"""The echo server on asyncio's transports: asyncio or uvloop, as the argument says."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from control import kind_of_loop, new_loop, serve_control


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main(loop):
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1024)
    serve_control(loop, server.sockets[0].getsockname()[1])
    await server.serve_forever()


loop = new_loop(kind_of_loop())
loop.run_until_complete(main(loop))
