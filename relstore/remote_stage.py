"""The first code that runs on the host: finds the unpacked helper or asks for its bundle, and starts it.

The client sends the source of this file and then two lines. The first, ``digest root``, comes as soon as the
connection is there, so that the helper is loaded meanwhile: the bundle's SHA-256, and the store's path in
hexadecimal. The second is ``nonce ahead``. The answer to the nonce proves that relstore is speaking and not
a chatty shell, and ``ahead`` is the number of bytes of requests that follow, which the client sends before
the answer to save a round trip. The reply is ``relstore-helper 1 PROOF have``, or ``need``;
after that the client sends a line with the bundle's compressed length, and the bundle.

This file runs alone, before the rest of relstore is there, on any python3 that passed the version check, so
it uses only old syntax and the standard library. A helper in the store is trusted only if nobody else can
write to it; otherwise the bundle runs from memory, and the session then reports what is wrong with the
store.
"""

import gc
import hashlib
import io
import os
import stat
import sys
import zlib
from typing import BinaryIO

GREETING = "relstore-helper 1"

MAX_BUNDLE_BYTES = 8 * 1024 * 1024
MAX_AHEAD_BYTES = 2 * 1024 * 1024


def main(source: BinaryIO) -> None:
    name, root = source.readline(16384).split()
    path = os.fsdecode(bytes.fromhex(root.decode("ascii")))
    digest = name.decode("ascii")
    helper = os.path.join(os.path.realpath(path), "helpers", digest)
    is_there = is_trusted(helper)
    if is_there:
        load(helper)
    line = source.readline(16384).split()
    if not line:  # the client went away before it asked for anything
        return
    nonce, count = line
    ahead = source.read(min(int(count), MAX_AHEAD_BYTES))
    proof = hashlib.sha256(nonce).hexdigest()
    if is_there:
        answer(proof, "have")
    else:
        answer(proof, "need")
        length = source.readline(16)
        bundle = zlib.decompressobj().decompress(source.read(int(length)), MAX_BUNDLE_BYTES)
        if hashlib.sha256(bundle).hexdigest() != digest:
            sys.exit("relstore: the helper did not arrive whole")
        helper = in_memory(bundle)
        load(helper)
    from relstore.remote_helper import serve

    serve(path, digest, helper, io.BytesIO(ahead), source)


def load(helper: str) -> None:
    """Import what every session needs."""
    sys.path.insert(0, helper)
    if hasattr(gc, "set_threshold"):  # PyPy has its own collector
        # What is imported stays, as do the entries of a large manifest: to look for garbage among them takes
        # a third of the time of reading it.
        gc.set_threshold(100000)
    import relstore.remote_helper  # noqa: F401 - for ``serve`` later


def answer(proof: str, word: str) -> None:
    """One line on standard output."""
    os.write(1, " ".join([GREETING, proof, word]).encode("ascii") + b"\n")


def is_trusted(helper: str) -> bool:
    """Whether only this account can change the unpacked helper and the directories from the store to it."""
    helpers = os.path.dirname(helper)
    for directory in (os.path.dirname(helpers), helpers, helper):
        try:
            status = os.lstat(directory)
        except OSError:
            return False
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return False
    return True


def in_memory(bundle: bytes) -> str:
    """The path of an unnamed file that holds ``bundle``, from which Python can import."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("relstore-helper")
    else:  # PyPy
        fd = os.open("/tmp", os.O_RDWR | os.O_TMPFILE, 0o600)  # noqa: S108 - the file never has a name
    view = memoryview(bundle)
    while view:
        view = view[os.write(fd, view) :]
    return "/proc/self/fd/%d" % fd  # noqa: UP031 - older than f-strings on purpose


if __name__ == "__main__":
    main(sys.stdin.buffer)
    # Everything is closed by now; to free every module would only make the client wait.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
