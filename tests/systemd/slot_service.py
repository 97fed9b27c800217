#!/usr/bin/python3
"""A web service for the slots of an app, healthy or not as the file ``mode`` beside it says. Not imported by any test.

It answers HTTP/1.1 with the version of its build and keeps connections open. ``/work`` takes 300 ms, ``/answer?S``
takes S seconds, ``/stream?S`` sends a little four times a second for so long, and ``/count`` says which process it is
and how many requests it was asked that were no checks.

It listens at what systemd passes to it, at the port of all addresses that ``everywhere=N`` says, at that of 127.0.0.1
that ``port=N`` or ``$PORT`` says, at port 80 where the file ``listen`` says so, which it may share, or else at the Unix
socket in its runtime directory.

On SIGTERM it ends at once ("rude"), or not at all where its mode says so. Where the file ``ends`` says "politely" it goes on, says ``Connection: close``
with each answer, and ends when its connections are gone.
"""

import asyncio
import contextlib
import math
import os
import resource
import signal
import socket
import sys
import time

HERE = os.path.dirname(os.path.dirname(os.path.realpath(sys.argv[0])))
BEAT_S = 0.25
STAYS_GOOD_S = 4.0
LAST_MOMENT_S = 0.05
SOON_S = 0.5
CODES_AT_SHARED = {"exits at the shared socket": 3, "ends at the shared socket": 0}
asked = 0
leaving = False
connections = set()


def read(name, default=""):
    try:
        with open(os.path.join(HERE, name)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return default


def status():
    turned = mode == "turns bad" and time.monotonic() - began > STAYS_GOOD_S
    if mode == "answers 500" or turned or asked > bearable:
        return "500 Oops"
    return "200 OK"


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.data = b""
        self.task = None
        connections.add(self)

    def connection_lost(self, error):
        connections.discard(self)
        if self.task:
            self.task.cancel()

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data and self.task is None:
            head, _, self.data = self.data.partition(b"\r\n\r\n")
            self.closes = b"connection: close" in head.lower()
            path, _, seconds = head.split(b" ", 2)[1].decode().partition("?")
            self.begin(path, seconds)

    def begin(self, path, seconds):
        global asked
        if path not in ("/count", "/health"):
            asked += 1
        if path == "/count":
            self.answer(f"{os.getpid()} {asked}")
        elif mode == "hangs":
            pass
        elif path == "/stream":
            self.task = asyncio.ensure_future(self.stream(float(seconds)))
        elif path in ("/work", "/answer"):
            self.task = asyncio.ensure_future(self.later(0.3 if path == "/work" else float(seconds)))
        else:
            self.answer("wrong" if mode == "answers the wrong body" else version)

    async def later(self, seconds):
        await asyncio.sleep(seconds)
        self.done(self.answer, version)

    async def stream(self, seconds):
        end = time.monotonic() + seconds
        self.head("Transfer-Encoding: chunked")
        while time.monotonic() < end:
            self.transport.write(b"5\r\ntick\n\r\n")
            await asyncio.sleep(BEAT_S)
        self.done(self.transport.write, b"0\r\n\r\n")
        if self.closes or leaving:
            self.transport.close()

    def done(self, last, words):
        self.task = None
        last(words)
        self.data_received(b"")

    def answer(self, body):
        self.head(f"Content-Length: {len(body)}", body)
        if self.closes or leaving:
            self.transport.close()

    def head(self, length, body=""):
        last = "Connection: close\r\n" if self.closes or leaving else ""
        words = f"HTTP/1.1 {status()}\r\nX-Version: {version}\r\n{length}\r\n{last}\r\n{body}"
        self.transport.write(words.encode())


def sockets():
    if "LISTEN_FDS" in os.environ:
        return [socket.socket(fileno=3 + number) for number in range(int(os.environ["LISTEN_FDS"]))]
    everywhere = [word[len("everywhere=") :] for word in sys.argv if word.startswith("everywhere=")]
    ports = [word[len("port=") :] for word in sys.argv if word.startswith("port=")]
    ports += [os.environ["PORT"]] if "PORT" in os.environ else []
    if everywhere:
        return [socket.create_server(("", int(everywhere[0])), backlog=4096)]
    if ports:
        return [socket.create_server(("127.0.0.1", int(ports[0])))]
    if listens:
        return [socket.create_server(("", 80), reuse_port=listens == "shared port")]
    path = os.environ["RUNTIME_DIRECTORY"] + "/sock"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    return [server]


async def leave():
    """Every connection gets its answer first; one that is idle ends after its next answer."""
    global leaving
    leaving = True
    time.sleep(LAST_MOMENT_S)  # noqa: ASYNC251 - it has something to do, and accepts nobody meanwhile
    for server in servers:
        server.close()
    while True:
        await asyncio.sleep(0.05)  # those that were accepted just now come first
        if not connections:
            os._exit(0)


def take_all_descriptors():
    """A program with many connections must: systemd gives it 1,024, and lets it have more."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def main():
    loop = asyncio.get_running_loop()
    if politely:
        loop.add_signal_handler(signal.SIGTERM, lambda: tasks.append(asyncio.ensure_future(leave())))
    if mode in ("never listens", "starts slowly"):
        await asyncio.sleep(3600 if mode == "never listens" else 3)
    for listener in sockets():
        if listener.family != socket.AF_UNIX:
            if mode in CODES_AT_SHARED:
                os._exit(CODES_AT_SHARED[mode])
            if mode == "crashes at the shared socket":
                loop.call_later(SOON_S, os._exit, 3)
        make = loop.create_unix_server if listener.family == socket.AF_UNIX else loop.create_server
        servers.append(await make(Connection, sock=listener, backlog=4096))
    if mode == "crashes after 1 s":
        loop.call_later(1, os._exit, 3)
    if mode == "crashes after 4 s":
        loop.call_later(STAYS_GOOD_S, os._exit, 3)
    await asyncio.Event().wait()


servers, tasks = [], []
version, mode, listens = read("version"), read("mode"), read("listen")
politely = read("ends") == "politely"
began = time.monotonic()
bearable = int(mode.rpartition(" ")[2]) if mode.startswith("turns bad after ") else math.inf
if mode == "exits at once":
    sys.exit(1)
if mode == "ignores SIGTERM":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif not politely:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
take_all_descriptors()
with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main())
