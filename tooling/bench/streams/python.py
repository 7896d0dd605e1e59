"""The streams echo of asyncio: python.py asyncio|uvloop async"""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from control import kind_of_loop, new_loop, serve_control

SIZE = 1024 * 1024


async def echo(reader, writer):
    while True:
        data = await reader.read(SIZE)
        if not data:
            break
        writer.write(data)
        await writer.drain()
    writer.close()


async def main(loop):
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1024)
    serve_control(loop, server.sockets[0].getsockname()[1])
    await server.serve_forever()


loop = new_loop(kind_of_loop())
asyncio.set_event_loop(loop)
loop.run_until_complete(main(loop))
