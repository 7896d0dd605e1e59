"""Calls from one thread into a loop of another: `python.py asyncio|uvloop scenario seconds`."""

import asyncio
import json
import socket
import sys
import threading
import time

BURST = 50000
now = time.perf_counter_ns


def report(times):
    times = sorted(times)
    at = lambda part: times[int(len(times) * part)] / 1000
    print(json.dumps({"rate": len(times) / (sum(times) / 1e9), "p50": at(0.5), "p99": at(0.99)}))


def wake(loop, seconds):
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.002)
        loop.call_soon_threadsafe(lambda sent: times.append(now() - sent), now())
    return times


def burst(loop, seconds):
    done = threading.Event()
    began = None
    calls = 0

    def called():
        nonlocal began, calls
        if calls == 0:
            began = now()
        calls += 1
        if calls == BURST:
            done.set()

    for _ in range(BURST):
        loop.call_soon_threadsafe(called)
    done.wait()
    return [(now() - began) / BURST] * BURST


async def answer(value):
    return value


def run(loop, seconds):
    for length in (seconds / 2, seconds):
        times = []
        end = time.monotonic() + length
        while time.monotonic() < end:
            before = now()
            asyncio.run_coroutine_threadsafe(answer(before), loop).result()
            times.append(now() - before)
    return times


def main():
    kind, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    if kind == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    a, b = socket.socketpair()
    loop.add_reader(a, lambda: None)

    def other():
        times = {"wake": wake, "burst": burst, "run": run}[name](loop, seconds)
        loop.call_soon_threadsafe(loop.stop)
        report(times)

    thread = threading.Thread(target=other)
    thread.start()
    loop.run_forever()
    thread.join()


main()
