"""A job's log: what the deployer's commands print, and relstore's own lines among it."""

from __future__ import annotations

import os

_OURS = "relstore: "
_TAIL_BYTES = 1500
_TAIL_LINES = 10


class JobLog:
    """An open log; ``fd`` appends and may be read."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def say(self, line: str) -> None:
        """A line of relstore's own."""
        os.write(self.fd, f"{_OURS}{line}\n".encode("utf-8", "replace"))

    def size(self) -> int:
        """Bytes so far: where what follows begins."""
        return os.fstat(self.fd).st_size

    def tail(self, begin: int) -> str:
        """What was printed last since ``begin``, as lines to add to a reason: it says most of a failure."""
        start = max(begin, self.size() - _TAIL_BYTES)
        text = os.pread(self.fd, _TAIL_BYTES, start).decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if not line.startswith(_OURS)]
        return "".join(f"\n{line}" for line in lines[-_TAIL_LINES:])
