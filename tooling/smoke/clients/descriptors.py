"""Asks for open files. Arguments: the socket, a name, and the text of the file."""
import array
import os
import socket
import sys

place, name, text = sys.argv[1:]


def ask(name):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(place)
        client.sendall(name.encode() + b'\n')
        fds = array.array('i')
        data, ancillary, flags, _ = client.recvmsg(100, socket.CMSG_LEN(fds.itemsize))
        for level, kind, content in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
        return data.decode(), list(fds)


answer, fds = ask(name)
assert answer == 'ok\n' and len(fds) == 1, (answer, fds)
with os.fdopen(fds[0]) as file:
    assert file.read() == text
for wrong, error in (('none', 'ENOENT'), ('../' + name, 'EINVAL'), ('.hidden', 'EINVAL'), ('link', 'ELOOP')):
    assert ask(wrong) == ('error %s\n' % error, []), (wrong, ask(wrong))
print('ok')
