"""Python's executors: `python.py asyncio|uvloop kind in_flight memory seconds`."""

import asyncio
import concurrent.futures
import json
import os
import sys
import time


def echo(value):
    return value


async def keep(loop, pool, argument, end, times):
    before = time.perf_counter()
    while before < end:
        result = await loop.run_in_executor(pool, echo, argument)
        if isinstance(argument, int):
            assert result == argument
            argument += 1
        now = time.perf_counter()
        times.append(now - before)
        before = now


async def a_round(loop, pool, in_flight, argument, seconds):
    times = []
    began = time.perf_counter()
    await asyncio.gather(*(keep(loop, pool, argument, began + seconds, times) for _ in range(in_flight)))
    return len(times) / (time.perf_counter() - began), sorted(times)


async def main(kind, in_flight, memory, seconds):
    loop = asyncio.get_running_loop()
    makers = {"thread": concurrent.futures.ThreadPoolExecutor, "process": concurrent.futures.ProcessPoolExecutor}
    pool = makers[kind](2)
    argument = 0 if memory == 0 else bytes(2**20)
    await a_round(loop, pool, in_flight, argument, seconds)
    before = time.process_time()
    rate, times = await a_round(loop, pool, in_flight, argument, seconds)
    cpu = (time.process_time() - before) / len(times) * 1e6
    at = lambda part: times[int(len(times) * part)] * 1e6
    print(json.dumps({"rate": rate, "cpu": cpu, "p50": at(0.5), "p99": at(0.99)}))
    pool.shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "uvloop":
        import uvloop

        uvloop.install()
    kind, in_flight, memory, seconds = sys.argv[2:]
    if memory == "2":
        print("null")
        sys.exit()
    asyncio.run(main(kind, int(in_flight), int(memory), float(seconds)))
