"""What the Python programs of the benchmarks share."""

import asyncio
import gc
import json
import os
import resource
import socket
import sys


def new_loop(kind):
    """The loop that the first argument of the program names: asyncio or uvloop."""
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


def tell(what):
    print(json.dumps(what), flush=True)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve_control(loop, port):
    """Tells the port; a line of input asks for the processor time ("collect": after a collection), the end of input ends the process."""

    def on_input():
        line = os.read(0, 64)
        if not line:
            os._exit(0)
        if line.startswith(b"collect"):
            gc.collect()
        tell({"cpu": cpu_seconds()})

    loop.add_reader(0, on_input)
    tell({"port": port})


def listen():
    """A non-blocking listener on a free port of the loopback interface."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    listener.setblocking(False)
    return listener


def set_nodelay(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def kind_of_loop():
    return sys.argv[1]
