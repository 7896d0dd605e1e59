"""Speaks RESP. Arguments: the port."""
import socket
import sys
import time

connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20)
file = connection.makefile('rb')


def command(*words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words)


def reply():
    line = file.readline()
    assert line.endswith(b'\r\n'), line
    kind, rest = line[:1], line[1:-2]
    if kind == b'+':
        return rest.decode()
    if kind == b'-':
        return Exception(rest.decode())
    if kind == b':':
        return int(rest)
    if kind == b'$':
        if rest == b'-1':
            return None
        data = file.read(int(rest) + 2)
        assert data.endswith(b'\r\n')
        return data[:-2]
    assert kind == b'*', line
    return [reply() for _ in range(int(rest))]


def ask(*words):
    connection.sendall(command(*words))
    return reply()


assert ask('PING') == 'PONG'
assert ask('SET', 'greeting', 'hello') == 'OK'
assert ask('get', 'greeting') == b'hello'
assert ask('GET', 'none') is None
binary = bytes(range(256)) * 4000
assert ask('SET', 'binary', binary) == 'OK' and ask('GET', 'binary') == binary
assert [ask('INCR', 'n'), ask('INCRBY', 'n', 41), ask('DECR', 'n')] == [1, 42, 41]
assert str(ask('INCR', 'greeting')) == 'ERR value is not an integer or out of range'
assert str(ask('NONSENSE')) == "ERR unknown command 'NONSENSE'"
assert str(ask('GET')) == 'ERR wrong number of arguments'
assert ask('SET', 'short', 'x', 'EX', 1) == 'OK' and ask('TTL', 'short') == 1
assert ask('EXISTS', 'short', 'n', 'none') == 2
deadline = time.time() + 20
while ask('GET', 'short') is not None:
    assert time.time() < deadline
    time.sleep(0.05)
assert ask('TTL', 'short') == -2 and ask('TTL', 'n') == -1
# A pipeline, cut into pieces at the worst places.
stream = b''.join(command('INCR', 'pipe') for _ in range(2000))
for at in range(0, len(stream), 997):
    connection.sendall(stream[at:at + 997])
assert [reply() for _ in range(2000)] == list(range(1, 2001))
connection.sendall(b'PING\r\nGET n\n')
assert [reply(), reply()] == ['PONG', b'41']
assert ask('DEL', 'n', 'binary', 'none') == 2
connection.sendall(b'*1\r\n!nonsense\r\n')
assert str(reply()) == "ERR expected '$', got '!'"
assert file.read() == b''
print('ok')
