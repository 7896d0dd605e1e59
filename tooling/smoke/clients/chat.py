"""Two people chat. Arguments: the port."""
import socket
import sys

address = ('127.0.0.1', int(sys.argv[1]))


class Person:
    def __init__(self, name):
        self.socket = socket.create_connection(address, timeout=20)
        self.lines = self.socket.makefile('r', encoding='utf8')
        self.hears('what is your name?')
        self.says(name)

    def says(self, text):
        self.socket.sendall((text + '\n').encode())

    def hears(self, text):
        line = self.lines.readline()
        assert line == text + '\n', (line, text)


ada = Person('ada')
ada.hears('welcome, ada')
bob = Person('ada')
bob.hears('ada is here already; what is your name?')
bob.says('bob')
ada.hears('bob is here')
bob.hears('welcome, bob')
ada.says('hello, Zoë')
bob.hears('ada: hello, Zoë')
# Lines in pieces, and several in one piece.
bob.socket.sendall(b'fi')
bob.socket.sendall(b'rst\nsecond\nth')
bob.socket.sendall(b'ird\n')
for text in ('first', 'second', 'third'):
    ada.hears('bob: ' + text)
bob.socket.shutdown(socket.SHUT_WR)
ada.hears('bob has left')
ada.socket.sendall(b'x' * 100000)
try:
    assert ada.lines.read() == ''
except ConnectionResetError:
    pass
print('ok')
