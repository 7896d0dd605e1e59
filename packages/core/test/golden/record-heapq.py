# Writes heapq.json: in which order CPython's heapq gives back entries of equal and different keys.
#   PYENV_VERSION=3.8.18 python3 record-heapq.py > heapq.json
# An operation is a key to push, -1 to pop, or -2 to drop every third entry by number and restore the order (heapify).
import heapq
import json
import random


class Entry:
    def __init__(self, key, number):
        self.key = key
        self.number = number

    def __lt__(self, other):
        return self.key < other.key


def play(operations):
    heap, popped, number = [], [], 0
    for operation in operations:
        if operation == -1:
            popped.append(heapq.heappop(heap).number)
        elif operation == -2:
            heap = [entry for entry in heap if entry.number % 3]
            heapq.heapify(heap)
        else:
            heapq.heappush(heap, Entry(operation, number))
            number += 1
    while heap:
        popped.append(heapq.heappop(heap).number)
    return popped


def program(rng, length, keys):
    operations, size = [], 0
    for _ in range(length):
        roll = rng.random()
        if roll < 0.3 and size > 0:
            operations.append(-1)
            size -= 1
        elif roll < 0.32:
            operations.append(-2)
            size = 0  # at least: pops begin again after further pushes
        else:
            operations.append(rng.randrange(keys))
            size += 1
    return operations


rng = random.Random(8)
programs = [[0] * 7, [0] * 100, [5, 3, 5, 1, 3, -1, -1, 5, 1]]
for keys in (1, 2, 3, 10, 1000):
    for length in (5, 20, 60, 150):
        programs.append(program(rng, length, keys))
print('[')
print(',\n'.join(json.dumps({'operations': p, 'popped': play(p)}, separators=(',', ':')) for p in programs))
print(']')
