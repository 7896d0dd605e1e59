"""The scenarios on Python's asyncio: `python.py asyncio|uvloop name scale`. Runs on CPython 3.8 and later."""

import asyncio
import json
import sys
import time

now = time.perf_counter
LEAST_REPETITIONS = 3
LEAST_SECONDS = 0.3


def new_loop():
    if sys.argv[1] == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def nothing():
    pass


def scheduled(start):
    """Seconds until the loop stops: start(loop) queues the first callback."""
    loop = new_loop()
    began = now()
    start(loop)
    loop.run_forever()
    took = now() - began
    loop.close()
    return took


def in_loop(body):
    loop = new_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(body(loop))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def burst(n):
    def start(loop):
        for _ in range(n):
            loop.call_soon(nothing)
        loop.call_soon(loop.stop)

    return scheduled(start)


def burst_in_task(n):
    async def work(loop):
        done = loop.create_future()
        began = now()
        for _ in range(n):
            loop.call_soon(nothing)
        loop.call_soon(done.set_result, None)
        await done
        return now() - began

    return in_loop(work)


def chain(n):
    def start(loop):
        left = n

        def step():
            nonlocal left
            left -= 1
            if left > 0:
                loop.call_soon(step)
            else:
                loop.stop()

        loop.call_soon(step)

    return scheduled(start)


def cancel(n):
    def start(loop):
        for _ in range(n):
            loop.call_soon(nothing).cancel()
        loop.call_soon(loop.stop)

    return scheduled(start)


def timers(n):
    def start(loop):
        handles = []
        for i in range(n):
            handles.append(loop.call_later((i % 100) * 1e-4, nothing))
        for i in range(n):
            if i % 10 != 0:
                handles[i].cancel()
        loop.call_later(0.01, loop.stop)

    return scheduled(start)


def spawn(n):
    async def body():
        pass

    async def work(loop):
        began = now()
        for _ in range(n):
            last = loop.create_task(body())
        await last
        return now() - began

    return in_loop(work)


def switch(n):
    async def body():
        for _ in range(n // 10):
            await asyncio.sleep(0)

    async def work(loop):
        began = now()
        tasks = [loop.create_task(body()) for _ in range(10)]
        for task in tasks:
            await task
        return now() - began

    return in_loop(work)


def wakeup(n):
    async def work(loop):
        futures = [loop.create_future(), loop.create_future()]

        async def body(me):
            for _ in range(n // 2):
                await futures[me]
                futures[me] = loop.create_future()
                other = futures[1 - me]
                if not other.done():
                    other.set_result(None)

        began = now()
        first = loop.create_task(body(0))
        second = loop.create_task(body(1))
        await asyncio.sleep(0)
        futures[0].set_result(None)
        await first
        await second
        return now() - began

    return in_loop(work)


def gather(n):
    async def one(i):
        return i

    async def work(loop):
        began = now()
        await asyncio.gather(*[one(i) for i in range(n)])
        return now() - began

    return in_loop(work)


def queue(n):
    async def work(loop):
        q = asyncio.Queue()
        began = now()
        for i in range(n):
            await q.put(i)
            await q.get()
        return now() - began

    return in_loop(work)


def handover(n):
    async def work(loop):
        q = asyncio.Queue(100)

        async def produce():
            for i in range(n):
                await q.put(i)

        began = now()
        producer = loop.create_task(produce())
        for _ in range(n):
            await q.get()
        await producer
        return now() - began

    return in_loop(work)


PROGRAMS = {
    "callsoon-burst": (50_000, burst),
    "callsoon-task": (50_000, burst_in_task),
    "callsoon-chain": (50_000, chain),
    "handle-cancel": (50_000, cancel),
    "timers": (100_000, timers),
    "spawn-async": (20_000, spawn),
    "switch-async": (50_000, switch),
    "wakeup-async": (50_000, wakeup),
    "gather-async": (10_000, gather),
    "queue-async": (50_000, queue),
    "queue-handover": (50_000, handover),
}
# Python has one kind of coroutine.
for kind in ("spawn", "switch", "wakeup", "gather", "queue"):
    PROGRAMS[kind + "-generator"] = PROGRAMS[kind + "-async"]
PROGRAMS["switch-yield"] = PROGRAMS["switch-async"]


def pending_timers(size):
    state = 1

    def random():
        nonlocal state
        state = (state * 1664525 + 1013904223) % 2**32
        return state / 2**32

    loop = new_loop()
    for _ in range(size):
        loop.call_later(1000 + 1000 * random(), nothing)
    n = 10_000
    result = {}

    def best(column, began):
        result[column] = min(result.get(column, 1e9), (now() - began) / n)

    for _ in range(5):
        delays = [1000 + 1000 * random() for _ in range(n)]
        began = now()
        handles = [loop.call_later(delay, nothing) for delay in delays]
        best("later", began)
        began = now()
        for handle in handles:
            handle.cancel()
        best("cancel", began)
        when = loop.time()
        began = now()
        for _ in range(n):
            when -= 1e-6
            loop.call_at(when, nothing)
        best("first", began)
        loop.call_soon(loop.stop)
        began = now()
        loop.run_forever()
        best("due", began)
    loop.close()
    return result


def repeat(run, n):
    seconds = []
    end = now() + LEAST_SECONDS
    while len(seconds) < LEAST_REPETITIONS or now() < end:
        seconds.append(run(n))
    return seconds


def main():
    name, scale = sys.argv[2], float(sys.argv[3])
    if name == "pending-timers":
        print(json.dumps(pending_timers(int(scale))))
        return
    if name not in PROGRAMS:
        print("null")
        return
    count, run = PROGRAMS[name]
    n = max(100, round(count * scale))
    repeat(run, n)  # as the other peers do, which have a compiler to warm up
    seconds = [took / n for took in repeat(run, n)]
    seconds.sort()
    print(json.dumps({"median": seconds[len(seconds) // 2], "best": seconds[0]}))


main()
