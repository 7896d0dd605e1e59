"""asyncio's children: `python.py asyncio|uvloop spawn pipes in_flight seconds`, or `... cat bytes`."""

import asyncio
import json
import sys
import time


class Until(asyncio.SubprocessProtocol):
    def __init__(self, loop):
        self.loop = loop
        self.ended = loop.create_future()
        self.resumed = None
        self.received = 0

    def pipe_data_received(self, fd, data):
        self.received += len(data)

    def pause_writing(self):
        self.resumed = self.loop.create_future()

    def resume_writing(self):
        self.resumed.set_result(None)
        self.resumed = None

    def connection_lost(self, exc):
        self.ended.set_result(None)


async def spawn(loop, pipes):
    options = {} if pipes else {"stdin": None, "stdout": None, "stderr": None}
    _, protocol = await loop.subprocess_exec(lambda: Until(loop), "true", **options)
    await protocol.ended


async def keep(loop, pipes, end):
    count = 0
    while time.perf_counter() < end:
        await spawn(loop, pipes)
        count += 1
    return count


async def a_round(loop, pipes, in_flight, seconds):
    began = time.perf_counter()
    counts = await asyncio.gather(*(keep(loop, pipes, began + seconds) for _ in range(in_flight)))
    return sum(counts), time.perf_counter() - began


async def spawn_rate(pipes, in_flight, seconds):
    loop = asyncio.get_running_loop()
    await a_round(loop, pipes, in_flight, seconds / 4)
    before = time.process_time()
    count, elapsed = await a_round(loop, pipes, in_flight, seconds)
    return {"rate": count / elapsed, "cpu": (time.process_time() - before) / count * 1e6}


async def cat(size):
    loop = asyncio.get_running_loop()
    piece = b"x" * 65536
    before, began = time.process_time(), time.perf_counter()
    transport, protocol = await loop.subprocess_exec(lambda: Until(loop), "cat", stderr=None)
    stdin = transport.get_pipe_transport(0)
    for _ in range(0, size, len(piece)):
        stdin.write(piece)
        if protocol.resumed is not None:
            await protocol.resumed
    stdin.close()
    await protocol.ended
    assert protocol.received >= size
    elapsed = time.perf_counter() - began
    return {"rate": size / elapsed / 1e6, "cpu": (time.process_time() - before) * 1e3}


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.install()
    name, *rest = sys.argv[2:]
    if name == "cat":
        main = cat(int(rest[0]))
    else:
        main = spawn_rate(rest[0] == "1", int(rest[1]), float(rest[2]))
    print(json.dumps(asyncio.run(main)))
