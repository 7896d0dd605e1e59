"""Sends mail in clear and over TLS, and tries to slip a command into the session. Arguments: the port, the certificate."""
import smtplib
import socket
import ssl
import sys

port, certificate = int(sys.argv[1]), sys.argv[2]
text = 'Subject: hello\r\n\r\nfirst\r\n.second begins with a dot\r\n..\r\n'

with smtplib.SMTP('localhost', port, timeout=20) as client:
    assert client.ehlo()[0] == 250 and client.has_extn('starttls')
    client.sendmail('a@example.org', ['b@example.org', 'c@example.org'], text)

with smtplib.SMTP('localhost', port, timeout=20) as client:
    context = ssl.create_default_context(cafile=certificate)
    assert client.starttls(context=context)[0] == 220
    assert client.sock.version().startswith('TLS')
    assert client.ehlo()[0] == 250 and not client.has_extn('starttls')
    client.sendmail('a@example.org', ['b@example.org'], text * 20000)
    assert client.docmd('RCPT TO:<x@example.org>')[0] == 503
    assert client.docmd('MAIL FROM:<a@example.org>')[0] == 250
    assert client.docmd('RCPT TO:nobody')[0] == 501
    assert client.docmd('NONSENSE')[0] == 502
    assert client.docmd('RSET')[0] == 250

# What is sent in clear behind STARTTLS must not be taken for a command of the secure session.
with socket.create_connection(('localhost', port), timeout=20) as raw:
    file = raw.makefile('rb')
    assert file.readline().startswith(b'220')
    raw.sendall(b'EHLO x\r\n')
    while not file.readline().startswith(b'250 '):
        pass
    raw.sendall(b'STARTTLS\r\nMAIL FROM:<attacker@example.org>\r\n')
    assert file.readline().startswith(b'220')
    try:
        rest = file.read()
    except ConnectionResetError:
        rest = b''
    assert b'250' not in rest, rest

# A line without an end.
with socket.create_connection(('localhost', port), timeout=20) as raw:
    file = raw.makefile('rb')
    file.readline()
    try:
        raw.sendall(b'x' * 1000000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        assert file.read() in (b'', b'500 too long\r\n')
    except ConnectionResetError:
        pass
print('ok')
