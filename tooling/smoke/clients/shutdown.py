"""Asks for work, tells when it is in progress, and checks how it ends. Arguments: the port."""
import socket
import sys

address = ('127.0.0.1', int(sys.argv[1]))
idle = socket.create_connection(address, timeout=30)
quick = socket.create_connection(address, timeout=30)
slow = socket.create_connection(address, timeout=30)
quick.sendall(b'0\n1\n')
assert quick.recv(5, socket.MSG_WAITALL) == b'done\n'
slow.sendall(b'50\n')
print('at work', flush=True)
sys.stdin.readline()  # the server has been told to end
assert quick.recv(5, socket.MSG_WAITALL) == b'done\n', 'what was begun is finished'
for connection in (quick, slow, idle):
    try:
        assert connection.recv(1) == b''
    except ConnectionResetError:
        pass
try:
    socket.create_connection(address, timeout=5).close()
    raise AssertionError('the server takes connections')
except ConnectionRefusedError:
    pass
print('ok')
