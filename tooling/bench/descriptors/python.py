"""The programs of the descriptor benchmarks on asyncio and uvloop: python.py asyncio|uvloop name arguments..."""

import asyncio
import os
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from control import cpu_seconds, kind_of_loop, listen, new_loop, serve_control, set_nodelay, tell

RECEIVE = 64 * 1024
WARM_UP_S = 0.3
now = time.perf_counter


async def rate_of(seconds, count):
    """How often count() goes up in a second, and the microseconds of processor time for each."""
    await asyncio.sleep(WARM_UP_S)
    began = now()
    used = cpu_seconds()
    before = count()
    await asyncio.sleep(seconds)
    ran = count() - before
    return {"rate": ran / (now() - began), "cpu": (cpu_seconds() - used) / ran * 1e6}


def pair():
    both = socket.socketpair()
    for sock in both:
        sock.setblocking(False)
    return both


async def ready(loop, descriptors, seconds):
    ran = 0
    kept = []

    def count():
        nonlocal ran
        ran += 1

    for _ in range(int(descriptors)):
        near, far = pair()
        kept.append((near, far))
        far.send(b"x")
        loop.add_reader(near, count)
    return await rate_of(float(seconds), lambda: ran)


async def ping_pong(loop, pairs, seconds):
    ran = 0
    latencies = [0.0] * (1 << 20)
    kept = []

    def watch(sock, state):
        def received():
            nonlocal ran
            latencies[ran & (len(latencies) - 1)] = now() - state[0]
            ran += 1
            sock.recv(1)
            state[0] = now()
            sock.send(b"x")

        loop.add_reader(sock, received)

    for _ in range(int(pairs)):
        near, far = pair()
        kept.append((near, far))
        state = [now()]
        watch(near, state)
        watch(far, state)
        near.send(b"x")
    rates = await rate_of(float(seconds), lambda: ran)
    done = sorted(latencies[:ran])
    return {**rates, "p50": done[int(0.5 * len(done))] * 1e6, "p99": done[int(0.99 * len(done))] * 1e6}


async def scaling(loop, descriptors, seconds):
    ran = 0

    def count():
        nonlocal ran
        ran += 1

    near, far = pair()
    far.send(b"x")
    loop.add_reader(near, count)
    idle, other = pair()
    kept = [idle.dup() for _ in range(1, int(descriptors))]
    for sock in kept:
        loop.add_reader(sock, lambda: None)
    rates = await rate_of(float(seconds), lambda: ran)
    return {"cost": 1e6 / rates["rate"], "cpu": rates["cpu"]}


async def serving(loop, serve):
    listener = listen()
    serve_control(loop, listener.getsockname()[1])
    tasks = set()
    while True:
        sock, _ = await loop.sock_accept(listener)
        set_nodelay(sock)
        task = loop.create_task(serve(loop, sock))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def readers(loop, sock):
    buffer = memoryview(bytearray(RECEIVE))

    def received():
        n = sock.recv_into(buffer)
        if n > 0:
            sock.send(buffer[:n])
        else:
            loop.remove_reader(sock)
            sock.close()

    loop.add_reader(sock, received)


async def echo(loop, sock):
    while True:
        data = await loop.sock_recv(sock, RECEIVE)
        if not data:
            break
        await loop.sock_sendall(sock, data)
    sock.close()


def sendfile(path):
    async def serve(loop, sock):
        with open(path, "rb") as file:
            while await loop.sock_recv(sock, 1):
                await loop.sock_sendfile(sock, file)
        sock.close()

    return serve


def loop_for(kind, name, arguments):
    """The loop, or None if the peer has nothing for this benchmark."""
    if name == "scaling":
        selector = getattr(selectors, arguments[0].capitalize() + "Selector", None)
        if kind == "asyncio":
            return selector and asyncio.SelectorEventLoop(selector())
        if arguments[0] != "epoll":
            return None
    # uvloop has no sock_sendfile.
    return None if name == "sendfile" and kind == "uvloop" else new_loop(kind)


def main():
    kind = kind_of_loop()
    name, *arguments = sys.argv[2:]
    loop = loop_for(kind, name, arguments)
    if loop is None:
        tell(None)
        return
    if name == "ready":
        tell(loop.run_until_complete(ready(loop, *arguments)))
    elif name == "ping-pong":
        tell(loop.run_until_complete(ping_pong(loop, *arguments)))
    elif name == "scaling":
        tell(loop.run_until_complete(scaling(loop, *arguments[1:])))
    elif name == "readers":
        loop.run_until_complete(serving(loop, readers))
    elif name == "sock":
        loop.run_until_complete(serving(loop, echo))
    elif name == "sendfile":
        loop.run_until_complete(serving(loop, sendfile(arguments[0])))
    else:
        tell(None)
    sys.stdout.flush()
    os._exit(0)


main()
