#!/usr/bin/python3
"""A web service in one file, as small deploy scripts ship it. Not imported by any test.

It answers with its version, at the socket that systemd holds for it. On SIGTERM it ends between two requests; who
connects meanwhile waits in that socket's queue for the next process.
"""

import select
import signal
import socket

VERSION = "v0"

waking, ended = socket.socketpair()
ended.setblocking(False)
signal.set_wakeup_fd(ended.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
server = socket.socket(fileno=3)
while True:
    ready, _, _ = select.select([server, waking], [], [])
    if waking in ready:
        break
    connection, _ = server.accept()
    with connection:
        while b"\r\n\r\n" not in connection.recv(4096):
            pass
        head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(VERSION)}\r\n\r\n"
        connection.sendall((head + VERSION).encode())
