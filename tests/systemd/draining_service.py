#!/usr/bin/python3
"""A web service that finishes its connections after SIGTERM, at the sockets that systemd passes to it or at a
port (``port=N``). Not imported by any test.

One thread serves all connections. It says ``Connection: close`` in its last answers, and ends when all
connections are gone. The file ``mode`` beside it says what is wrong with it.
"""

import asyncio
import os
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0])))
TIMES_S = {"/slow": 0.3, "/long": 4.0}
connections = set()
draining = False


def read(name):
    with open(os.path.join(HERE, name)) as file:
        return file.read().strip()


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.data = b""
        self.busy = False
        connections.add(self)

    def connection_lost(self, _error):
        connections.discard(self)

    def data_received(self, data):
        self.data += data
        if not self.busy and b"\r\n\r\n" in self.data:
            head, _, self.data = self.data.partition(b"\r\n\r\n")
            self.busy = True
            path = head.split(b" ", 2)[1].decode()
            close = b"connection: close" in head.lower()
            asyncio.get_running_loop().call_later(TIMES_S.get(path, 0), self.answer, close)

    def answer(self, close):
        status = (
            500 if mode == "answers 500" or (mode == "turns bad" and time.monotonic() - began > 4) else 200
        )
        last = "Connection: close\r\n" if close or draining else ""
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(version)}\r\n{last}\r\n"
        self.transport.write(f"{head}{version}".encode())
        self.busy = False
        if last:
            self.transport.close()
        else:
            self.data_received(b"")


def listening():
    ports = [word[len("port=") :] for word in sys.argv if word.startswith("port=")]
    if ports:
        return [socket.create_server(("127.0.0.1", int(ports[0])), backlog=4096)]
    return [socket.socket(fileno=3 + index) for index in range(int(os.environ["LISTEN_FDS"]))]


async def main():
    global draining
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    while mode == "never listens":  # noqa: ASYNC110
        await asyncio.sleep(1)
    servers = [await loop.create_server(Connection, sock=made) for made in listening()]
    if mode == "crashes after 1 s":
        loop.call_later(1, os._exit, 3)
    await ended.wait()
    draining = True
    for server in servers:
        server.close()
    while True:
        await asyncio.sleep(0.05)  # those that were accepted just now come first
        if not connections:
            return


version, mode = read("version"), read("mode")
began = time.monotonic()
if mode == "exits at once":
    sys.exit(1)
if mode == "starts slowly":
    time.sleep(3)
asyncio.run(main())
