#!/usr/bin/python3
"""A small web service, healthy or not as the file ``mode`` beside it says. It runs on the test hosts.

Answers every request on port 8080 with the version of its build. Not imported by any test.
"""

import os
import select
import signal
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0])))


def read(name):
    with open(os.path.join(HERE, name)) as file:
        return file.read().strip()


def notify(text):
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect("\0" + address[1:] if address[0] == "@" else address)
            sender.send(text.encode())


def listener():
    if os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=3)
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("0.0.0.0", 8080))
    server.listen(100)
    return server


def serve(server, status, body):
    answer = b"HTTP/1.0 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    # When asked to end it does so between two requests, because one that it had accepted would be lost with it.
    # A signal that is ignored must not be blocked: the kernel would keep it as pending.
    if mode != "ignores SIGTERM":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server.setblocking(False)  # another process at the same socket may have taken the connection
    while True:
        select.select([server], [], [], 0.05)
        if signal.SIGTERM in signal.sigpending():
            os._exit(0)
        try:
            client, _ = server.accept()
        except OSError:
            continue
        client.settimeout(30)
        try:
            client.recv(4096)
            client.sendall(answer)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        client.close()


mode = read("mode")
body = read("version").encode()
status = b"200 OK"
if mode == "exits at once":
    sys.exit("cannot find the database")
if mode == "exits 0":
    sys.exit(0)
if mode == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
if mode == "hangs at start":
    time.sleep(3600)
if mode == "crash loop":
    notify("READY=1")
    time.sleep(0.3)
    sys.exit("lost my mind again")
if mode in ("crashes after 1 s", "crashes after 2 s"):
    threading.Timer(int(mode.split()[2]), lambda: os._exit(7)).start()
if mode == "answers 500":
    status = b"500 Oops"
if mode == "answers the wrong body":
    body = b"somebody else's page"
server = listener()
if mode != "never notifies":
    notify("READY=1")
serve(server, status, body)
