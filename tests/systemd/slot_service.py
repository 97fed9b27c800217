#!/usr/bin/python3
"""A web service, healthy or not as the file ``mode`` beside it says. Not imported by any test.

It listens at the port of 127.0.0.1 that ``port=N`` or ``$PORT`` says, or else at a Unix socket.

It answers HTTP/1.1 with the version of its build and keeps connections open. ``/slow`` takes 300 ms, ``/long``
several seconds; ``/count`` says how many other requests it was asked. On SIGTERM it ends at once ("rude") or not at all.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time

HERE = os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0])))
LONG_S = 4.0
asked = 0


def read(name):
    with open(os.path.join(HERE, name)) as file:
        return file.read().strip()


def answer(path):
    global asked
    if path == "/count":
        return 200, str(asked)
    if path != "/health":
        asked += 1
    if path == "/slow":
        time.sleep(0.3)
    if path == "/long":
        time.sleep(LONG_S)
    if mode == "answers 500" or (mode == "turns bad" and time.monotonic() - began > 4):
        return 500, mode
    return 200, "wrong" if mode == "answers the wrong body" else version


def serve(client):
    data = b""
    with client:
        while True:
            while b"\r\n\r\n" not in data:
                more = client.recv(4096)
                if not more:
                    return
                data += more
            head, _, data = data.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            close = b"connection: close" in head.lower()
            status, body = answer(lines[0].split()[1].decode())
            last = "Connection: close\r\n" if close else ""
            client.sendall(
                f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n{last}\r\n{body}".encode()
            )
            if close:
                return


def guarded(client):
    with contextlib.suppress(OSError):
        serve(client)


def listening():
    ports = [word[len("port=") :] for word in sys.argv if word.startswith("port=")]
    ports += [os.environ["PORT"]] if "PORT" in os.environ else []
    if ports:
        return socket.create_server(("127.0.0.1", int(ports[0])), backlog=4096)
    made = socket.socket(socket.AF_UNIX)
    made.bind(os.environ["RUNTIME_DIRECTORY"] + "/sock")
    os.chmod(os.environ["RUNTIME_DIRECTORY"] + "/sock", 0o666)
    made.listen(4096)
    return made


version, mode = read("version"), read("mode")
began = time.monotonic()
if mode == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode == "exits at once":
    sys.exit(1)
if mode != "never listens":
    server = listening()
while mode == "never listens":
    time.sleep(1)
if mode == "crashes after 1 s":
    threading.Timer(1, lambda: os._exit(3)).start()
while True:
    client, _ = server.accept()
    threading.Thread(target=guarded, args=(client,), daemon=True).start()
