"""How many connections a Unix socket has, from the kernel's table: needs no right and no help of the program.

Not for TCP: a program that knows only a port has a Unix socket before it.
"""

from __future__ import annotations

_OPEN = ("02", "03")
"""SS_CONNECTING, of one that waits to be accepted, and SS_CONNECTED, of the kernel. Both have the path of the
socket that they came in by; the end of whoever connected has none."""


def count(path: str, table: str = "/proc/net/unix") -> int:
    """The open connections at the socket ``path``. Raises OSError."""
    found = 0
    with open(table, encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            # Num RefCount Protocol Flags Type St Inode Path
            words = line.rstrip("\n").split(None, 7)
            found += len(words) == 8 and words[5] in _OPEN and words[7] == path
    return found
