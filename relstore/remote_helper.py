"""The entry points on the host: ``serve`` a session, or run as a ``job``.

``serve`` is called by the first-stage code with the open input; ``main`` is what the unpacked helper
runs as ``python3 -I -S -X utf8 helpers/<digest> job …``, or ``recover …`` at boot. Not for a person to type.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from typing import BinaryIO

from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.host.session import RequestServer

_DAY_S = 24 * 3600
_COLLECT_EVERY = 100_000
"""Objects, as in ``remote_stage``, without which a job is started."""


def serve(root: str, digest: str, helper: str, ahead: BinaryIO, source: BinaryIO) -> None:
    """Serve one client until it hangs up: read ``ahead``, then ``source``; write to standard output.

    ``root``: the store's path as the client gave it; ``helper``: where this code was loaded from; ``ahead``:
    whole frames that the client sent before the helper was running.
    """
    os.umask(0o022)
    _note_use(helper)
    # What a library prints must not get between the frames, and commands must not inherit their descriptor.
    frames = os.dup(1)
    os.dup2(2, 1)
    with open(frames, "wb") as sink:
        RequestServer(root, Bundle(digest, helper), Wire(source, sink, ahead)).run()


def _note_use(helper: str) -> None:
    """Mark the helper as used, at most once a day: the collector removes one that nobody used for long."""
    with contextlib.suppress(OSError):
        if os.path.isdir(helper) and time.time() - os.stat(helper).st_mtime > _DAY_S:
            os.utime(helper)


def _collect_seldom() -> None:
    with contextlib.suppress(AttributeError):  # PyPy collects in its own way
        gc.set_threshold(_COLLECT_EVERY)


def main() -> int:
    """``job ROOT APP ID [FD]``: run that job to its end; FD holds sudo's password. ``recover ROOT``: resolve
    what dead jobs left."""
    from relstore.host.job import process, start  # a session loads them when it needs them

    os.umask(0o022)
    _collect_seldom()
    words = sys.argv[1:]
    if words[:1] == ["job"] and len(words) in (4, 5):
        _, root, app, ident, *fd = words
        return process.run(root, app, ident, start.read_password(int(fd[0])) if fd else "")
    if words[:1] == ["recover"] and len(words) == 2:
        return process.recover_all(words[1])
    sys.stderr.write("relstore: this program is started by relstore itself\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
