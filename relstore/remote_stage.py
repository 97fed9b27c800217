"""The first code that runs on the host: find the unpacked helper or ask for its bundle, and enter it.

The client sends this file's source and then one line, ``nonce digest root ahead``: a question whose answer
proves that it is relstore that speaks and not a chatty shell, the bundle's SHA-256, the store's path in
hexadecimal, and how many bytes of requests follow, sent ahead of the answer to save a round trip. The
reply is ``relstore-helper 1 PROOF have``, or ``need``, upon which a line with the bundle's compressed length
and the bundle follow. It runs alone, before anything else of relstore is there, on
any python3 that got past the version check; so it holds itself to old syntax and the standard library.
A helper in the store is trusted only where nobody else can write; otherwise the bundle is asked for and
run from memory, and the session itself then says what is wrong with the store.
"""

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
    nonce, name, root, count = source.readline(16384).split()
    ahead = source.read(min(int(count), MAX_AHEAD_BYTES))
    path = os.fsdecode(bytes.fromhex(root.decode("ascii")))
    digest = name.decode("ascii")
    proof = hashlib.sha256(nonce).hexdigest()
    helper = os.path.join(os.path.realpath(path), "helpers", digest)
    if is_trusted(helper):
        answer(proof, "have")
    else:
        answer(proof, "need")
        length = source.readline(16)
        bundle = zlib.decompressobj().decompress(source.read(int(length)), MAX_BUNDLE_BYTES)
        if hashlib.sha256(bundle).hexdigest() != digest:
            sys.exit("relstore: the helper did not arrive whole")
        helper = in_memory(bundle)
    sys.path.insert(0, helper)
    from relstore.remote_helper import serve

    serve(path, digest, helper, io.BytesIO(ahead), source)


def answer(proof: str, word: str) -> None:
    """One line on standard output."""
    os.write(1, " ".join([GREETING, proof, word]).encode("ascii") + b"\n")


def is_trusted(helper: str) -> bool:
    """Whether the unpacked helper, and each directory from the store on, is ours alone to change."""
    helpers = os.path.dirname(helper)
    for directory in (os.path.dirname(helpers), helpers, helper):
        try:
            found = os.lstat(directory)
        except OSError:
            return False
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            return False
    return True


def in_memory(bundle: bytes) -> str:
    """The path of an unnamed file that holds ``bundle``, from which Python can import."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("relstore-helper")
    else:  # PyPy
        fd = os.open("/tmp", os.O_RDWR | os.O_TMPFILE, 0o600)  # noqa: S108 - it never has a name
    view = memoryview(bundle)
    while view:
        view = view[os.write(fd, view) :]
    return "/proc/self/fd/%d" % fd  # noqa: UP031 - older than f-strings on purpose


if __name__ == "__main__":
    main(sys.stdin.buffer)
