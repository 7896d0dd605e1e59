"""The client of the echo benchmarks where there is no C compiler: as c/load.c, which says what it does."""

import json
import selectors
import socket
import sys
import time

now = time.perf_counter
port, connections, size, depth, pause_us = map(int, sys.argv[1:6])
warm_up, seconds = map(float, sys.argv[6:8])
data = b"x" * (size * depth)
selector = selectors.DefaultSelector()
sending = True
latencies = []


class Connection:
    def __init__(self):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.to_send = self.received = 0
        self.sent_at = []
        selector.register(self.sock, selectors.EVENT_READ, self)

    def start(self, count):
        if count == 0 or not sending:
            return
        self.sent_at += [now()] * count
        self.to_send += count * size
        self.flush()

    def flush(self):
        try:
            while self.to_send > 0:
                self.to_send -= self.sock.send(data[: self.to_send])
        except BlockingIOError:
            pass
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.to_send > 0 else 0)
        if selector.get_key(self.sock).events != events:
            selector.modify(self.sock, events, self)

    def on_readable(self):
        chunk = self.sock.recv(256 * 1024)
        if not chunk:
            sys.exit("load: the server has closed a connection")
        self.received += len(chunk)
        count, self.received = divmod(self.received, size)
        at = now()
        latencies.extend(at - sent for sent in self.sent_at[:count])
        del self.sent_at[:count]
        if pause_us > 0 and count > 0:
            time.sleep(pause_us / 1e6)
        self.start(count)


def run(until):
    """Until the time is over, or with no time until everything has arrived."""
    while now() < until if until else any(each.sent_at for each in everyone):
        for key, events in selector.select(0.1):
            if events & selectors.EVENT_WRITE:
                key.data.flush()
            if events & selectors.EVENT_READ:
                key.data.on_readable()


def start_all():
    for each in everyone:
        each.start(depth)


everyone = [Connection() for _ in range(connections)]
start_all()
run(now() + warm_up)
sending = False
run(None)
print("ready", flush=True)
if not sys.stdin.readline():
    sys.exit(1)

latencies.clear()
sending = True
began = now()
start_all()
run(began + seconds)
took = now() - began
counted = len(latencies)
sending = False
run(None)
latencies.sort()
result = {"rate": counted / took, "messages": len(latencies)}
for name, part in (("p50", 0.5), ("p99", 0.99)):
    result[name] = latencies[int(part * len(latencies))] * 1e6
print(json.dumps(result))
