"""What the host is and can do, for the handshake. Reads only; changes nothing."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

import relstore
from relstore import protocol
from relstore.store.root import account


class Mount(NamedTuple):
    """The file system that a path is on, as /proc/self/mounts tells it."""

    kind: str
    options: frozenset[str]


def hello(root: str) -> protocol.Hello:
    """The handshake's first message for a store at ``root`` (which need not exist)."""
    real = os.path.realpath(root)
    there = nearest(real)
    room = os.statvfs(there)
    mount = find_mount(there)
    system = os.uname()
    return protocol.Hello(
        protocol.VERSION,
        relstore.__version__,
        sys.version.split()[0],
        account(os.geteuid()),
        system.nodename[:255],
        system.machine,
        real,
        os.path.exists(os.path.join(real, "format")),
        "noexec" in mount.options,
        mount.kind == "overlay" and "volatile" in mount.options,
        room.f_bavail * room.f_frsize,
        room.f_favail if room.f_files else None,
    )


def find_mount(path: str, mounts: str = "/proc/self/mounts") -> Mount:
    """The mount that holds ``path``; an empty one where /proc is not there."""
    best, mount = "", Mount("", frozenset())
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return mount
    for line in lines:
        _, point, kind, options, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, mount = point, Mount(kind, frozenset(options.split(",")))
    return mount


def nearest(path: str) -> str:
    """``path`` or the nearest directory above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
