"""Asks the DNS server raw questions. Arguments: the port."""
import socket
import struct
import sys

client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(20)
client.connect(('127.0.0.1', int(sys.argv[1])))
A, TXT, AAAA = 1, 16, 28


def query(name, kind, number):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    return struct.pack('!6H', number, 0x0100, 1, 0, 0, 0) + labels + b'\0' + struct.pack('!2H', kind, 1)


def ask(name, kind, number=7):
    question = query(name, kind, number)
    client.send(question)
    answer = client.recv(512)
    got, flags, questions, answers, _, _ = struct.unpack('!6H', answer[:12])
    assert got == number and flags & 0x8500 == 0x8500 and questions == 1, answer
    assert answer[12:len(question)] == question[12:], 'the question comes back'
    at, records = len(question), []
    for _ in range(answers):
        name, kind, internet, seconds, length = struct.unpack('!3HIH', answer[at:at + 12])
        assert name == 0xC00C and internet == 1 and seconds == 60
        records.append(answer[at + 12:at + 12 + length])
        at += 12 + length
    assert at == len(answer)
    return flags & 15, records


def text(family, records):
    return [socket.inet_ntop(family, record) for record in records]


error, records = ask('tsyncio.test', A)
assert (error, text(socket.AF_INET, records)) == (0, ['192.0.2.1', '192.0.2.2'])
error, records = ask('TSYNCIO.Test', AAAA)
assert (error, text(socket.AF_INET6, records)) == (0, ['2001:db8::1'])
assert ask('tsyncio.test', TXT) == (0, [b'\x16asyncio for TypeScript'])
assert ask('www.tsyncio.test', TXT) == (0, [])
assert ask('none.test', A) == (3, [])
# What cannot be understood is told so, or not answered at all; the server goes on.
client.send(query('tsyncio.test', A, 9)[:20])
assert struct.unpack('!2H', client.recv(512)[:4]) == (9, 0x8501)
client.send(struct.pack('!6H', 10, 0x0100, 1, 0, 0, 0) + b'\xc0\x0c\x00\x01\x00\x01')
assert struct.unpack('!2H', client.recv(512)[:4]) == (10, 0x8501)
for nonsense in (b'', b'x', b'\0' * 11, struct.pack('!6H', 1, 0x8000, 1, 0, 0, 0)):
    client.send(nonsense)
assert ask('tsyncio.test', A, 11)[0] == 0
print('ok')
