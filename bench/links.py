"""Two machines and the link between them, as network namespaces of this one (root only).

A link with delay is a process that reads packets from one TUN device, holds each back until its turn and its
time have come, and writes it to the other device: this kernel has no netem. A link without delay is a pair
of veth devices with the kernel's token bucket, since Python would be the bottleneck of a fast link. Not for
timing (``measure``).
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import selectors
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLIENT, HOST = "relstore-bench-client", "relstore-bench-host"
CLIENT_ADDRESS, HOST_ADDRESS = "10.98.0.1", "10.98.0.2"

_QUEUE_PACKETS = 1000
_CLONE_NEWNET = 0x40000000
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@dataclass(frozen=True)
class Shape:
    """The properties of a link; a rate of 0 is loopback."""

    name: str
    mbit: float
    round_trip_ms: float


LOOPBACK = Shape("loopback", 0, 0)
SHAPES = (
    LOOPBACK,
    Shape("1 Gbit/s", 1000, 0),
    Shape("100 Mbit/s, 20 ms", 100, 20),
    Shape("20 Mbit/s, 40 ms", 20, 40),
    Shape("5 Mbit/s, 100 ms", 5, 100),
)


@dataclass(frozen=True)
class Link:
    """A link that is up. These prefixes run a command at the one or the other end."""

    shape: Shape
    client: tuple[str, ...]
    host: tuple[str, ...]
    address: str
    """The address of the host, as the client sees it."""

    def sent(self) -> int:
        """Bytes that both ends have put on the wire, including packet headers."""
        if self.shape is LOOPBACK:
            return _transmitted((), "lo")
        return _transmitted(self.client, "wire") + _transmitted(self.host, "wire")


@contextlib.contextmanager
def link(shape: Shape) -> Iterator[Link]:
    """Set up a link, and remove it again afterwards."""
    if shape is LOOPBACK:
        yield Link(shape, (), (), "127.0.0.1")
        return
    with contextlib.ExitStack() as stack:
        for name in (CLIENT, HOST):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        if shape.round_trip_ms:
            words = [sys.executable, "-m", "bench.links", str(shape.mbit), str(shape.round_trip_ms / 2)]
            process = subprocess.Popen(words, stdout=subprocess.PIPE)
            stack.callback(_end, process)
            assert process.stdout is not None
            if process.stdout.readline() != b"up\n":
                raise RuntimeError("the link did not come up")
        else:
            _veth(shape.mbit)
        prefix = ("ip", "netns", "exec")
        yield Link(shape, (*prefix, CLIENT), (*prefix, HOST), HOST_ADDRESS)


def _veth(mbit: float) -> None:
    _ip("-n", CLIENT, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", HOST)
    for name, address in ((CLIENT, CLIENT_ADDRESS), (HOST, HOST_ADDRESS)):
        _ip("-n", name, "address", "add", f"{address}/30", "dev", "wire")
        _ip("-n", name, "link", "set", "wire", "up")
        shape = ["root", "tbf", "rate", f"{mbit:.0f}mbit", "burst", "256kb", "latency", "50ms"]
        subprocess.run(["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "wire", *shape], check=True)


def _transmitted(prefix: tuple[str, ...], device: str) -> int:
    path = f"/sys/class/net/{device}/statistics/tx_bytes"
    if not prefix:
        return int(Path(path).read_text())
    return int(subprocess.run([*prefix, "cat", path], capture_output=True, check=True).stdout)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.communicate()


# --- the process that is a link ----------------------------------------------------------------------


def _device(namespace: str) -> int:
    """A TUN device in a namespace, opened by this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    ours = os.open("/proc/self/ns/net", os.O_RDONLY)
    theirs = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    if libc.setns(theirs, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"wire", _IFF_TUN | _IFF_NO_PI))
    if libc.setns(ours, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(ours)
    os.close(theirs)
    return device


def main(mbit: float, delay_ms: float) -> None:
    """Forward packets until the process is terminated."""
    ends = {_device(CLIENT): 0.0, _device(HOST): 0.0}
    client, host = ends
    for name, address, peer in (
        (CLIENT, CLIENT_ADDRESS, HOST_ADDRESS),
        (HOST, HOST_ADDRESS, CLIENT_ADDRESS),
    ):
        _ip("-n", name, "address", "add", address, "peer", peer, "dev", "wire")
        _ip("-n", name, "link", "set", "wire", "up", "mtu", "1500", "txqueuelen", str(_QUEUE_PACKETS))
    print("up", flush=True)
    second_for, delay = 8 / (mbit * 1e6), delay_ms / 1000
    selector = selectors.DefaultSelector()
    selector.register(client, selectors.EVENT_READ, host)
    selector.register(host, selectors.EVENT_READ, client)
    waiting: list[tuple[float, int, int, bytes]] = []
    count, queued = 0, dict.fromkeys(ends, 0)
    while True:
        now = time.monotonic()
        for key, _ in selector.select(max(0.0, waiting[0][0] - now) if waiting else None):
            for packet in _packets(int(key.fd)):
                if queued[key.data] >= _QUEUE_PACKETS:
                    continue
                now = time.monotonic()
                ends[key.data] = max(now, ends[key.data]) + len(packet) * second_for
                count, queued[key.data] = count + 1, queued[key.data] + 1
                heapq.heappush(waiting, (ends[key.data] + delay, count, key.data, packet))
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, _, device, packet = heapq.heappop(waiting)
            queued[device] -= 1
            with contextlib.suppress(OSError):
                os.write(device, packet)


def _packets(device: int) -> Iterator[bytes]:
    for _ in range(64):
        try:
            yield os.read(device, 2048)
        except BlockingIOError:
            return


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
