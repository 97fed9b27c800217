"""P9: whatever bytes relstore reads, it says what is wrong with them, quickly and in little memory.

Every parser of the client and of the helper receives corrupted samples.
"""

from __future__ import annotations

import atexit
import contextlib
import lzma
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from relstore import protocol
from relstore.client.artifact.executables import parse as parse_program
from relstore.client.coding import parse_compression
from relstore.client.config import load as config
from relstore.client.config.amounts import duration, parse_size
from relstore.client.connection.transport.ssh import known_hosts
from relstore.client.local_state import state_file as small_file
from relstore.client.target import Target
from relstore.formats import codecs
from relstore.formats.checkpoint import Checkpoint
from relstore.formats.generation import Generation
from relstore.formats.hold import AppHold
from relstore.formats.journal import Journal
from relstore.formats.manifest import Manifest
from relstore.formats.names import AppName, JobId, UnitName
from relstore.formats.recipe import HttpUrl
from relstore.formats.retention import Policy
from relstore.host.job import directory as jobs
from relstore.host.upload import decoders
from relstore.protocol import framing
from relstore.store.store import Store
from tests.host.upload.test_patch_decoder import BASE, CONTENT
from tests.proof import bounded
from tests.proof.bounded import Reader
from tests.proof.tally import Tally
from tests.protocol.test_messages import example
from tests.support import jobs_by_hand
from tests.support.host_side import WEB, go_live

GOLDEN = Path(__file__).parent.parent / "golden"
CASES = 2000


def _text(read: Callable[[str], object], *samples: str) -> Reader:
    def read_bytes(data: bytes) -> None:
        read(data.decode("utf-8", "surrogateescape"))

    return Reader([sample.encode() for sample in samples], read_bytes)


def _message(*kinds: Any) -> Reader:
    samples = [protocol.encode(example(kind, empty=empty), 5) for kind in kinds for empty in (True, False)]
    return Reader(samples, lambda data: protocol.decode(data, kinds))


def _stream(codec: str, sample: bytes, base: bytes | None, size: int) -> Reader:
    def read(data: bytes) -> None:
        decoder = decoders.decoder(codec, memoryview(bytearray(base)) if base else None, size)
        try:
            made = 0
            for piece in decoder.decode(data):
                made += len(piece)
                if made > size:
                    return  # a reader stops here
        finally:
            decoder.close()

    return Reader([sample], read)


def _known_hosts(data: bytes) -> None:
    for entry in known_hosts.parse("known_hosts", data.decode("utf-8", "replace")):
        entry.names("one.example")
        entry.names("[two.example]:2222")


def _frames(data: bytes) -> None:
    decoder = framing.FrameDecoder()
    decoder.feed(data)
    for _ in iter(decoder.next, None):
        pass


def _config(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "relstore.toml"
        path.write_bytes(data)
        config.load(path, home="/home/me")


def _small_file(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        small_file.load(Path(file.name))


def _of_a_job(name: str) -> Reader:
    """The file ``name`` in the directory of a job, in a store that exists as long as this process."""
    top = Path(tempfile.mkdtemp(prefix="relstore-hostile-"))
    atexit.register(shutil.rmtree, top)
    with Store.open(str(top), create=True) as store:
        go_live(store, {"version": b"1"})
        with store.app(WEB) as app:
            job, lock = jobs_by_hand.create(app, 1, "true")
            job.begin("by hand")
            job.close()
            os.close(lock)
    place = top / "apps" / WEB / "jobs" / job.id / name

    def read(data: bytes) -> None:
        place.unlink()
        place.write_bytes(data)
        with (
            Store.open(str(top)) as store,
            store.app(WEB) as app,
            contextlib.closing(jobs.open_job(app, job.id)) as found,
        ):
            found.request()
            found.state()

    return Reader([place.read_bytes()], read)


def _golden(*names: str) -> list[bytes]:
    return [(GOLDEN / name).read_bytes() for name in names]


_CONFIG = b"""
app = "web"
to = ["me@one.example", "ssh://two.example:2222/srv/store"]
keep = 5
keep-within = "30d"
default-env = "staging"
[env.staging]
to = "./store"
restart = "web.service"
"""

_KNOWN_HOSTS = b"""\
one.example,[two.example]:2222,*.ex?mple ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHn1 me
|1|YQ==|YQ== ssh-rsa AAAA
"""

READERS: dict[str, Reader] = {
    "manifests": Reader(_golden("manifest.bin"), Manifest.parse),
    "records": Reader(_golden("record-1.bin", "record-2.bin"), Generation.parse),
    "journals": Reader(_golden("journal.bin"), Journal.parse),
    "checkpoints": Reader(_golden("checkpoint.bin"), Checkpoint.parse),
    "policies": Reader(_golden("retention.bin"), Policy.parse),
    "holds": Reader([AppHold("me@desk", 1_790_000_000, "busy").encode()], AppHold.parse),
    "requests": _message(*protocol.REQUESTS),
    "replies": _message(*protocol.REPLIES, *protocol.EVENTS),
    "frames": Reader(_golden("activate-2.bin"), _frames),
    "patches, lzma": _stream(codecs.PATCH_LZMA, _golden("patch-lzma-1.bin")[0], BASE, len(CONTENT)),
    "patches, zstd": _stream(codecs.PATCH_ZSTD, _golden("patch-zstd-1.bin")[0], BASE, len(CONTENT)),
    "patches, zlib": _stream(codecs.PATCH_ZLIB, _golden("patch-zlib-1.bin")[0], BASE, len(CONTENT)),
    "streams, xz": _stream(codecs.XZ, lzma.compress(CONTENT), None, len(CONTENT)),
    "streams, zlib": _stream(codecs.ZLIB, zlib.compress(CONTENT), None, len(CONTENT)),
    "configurations": Reader([_CONFIG], _config),
    "known hosts": Reader([_KNOWN_HOSTS], _known_hosts),
    "targets": _text(Target.parse, "ssh://me@one.example:22/srv/store", "me@[::1]", "one.example:/srv/store", "./store"),
    "programs": Reader([Path(sys.executable).read_bytes()[:4096]], lambda data: parse_program("program", data)),
    "small files": Reader([b'{"one.example": 2500000.0}'], _small_file),
    "names": _text(AppName.parse, "web", "a-b.c"),
    "jobs": _text(JobId.parse, "20261123T044741Z-0a1b2c3d"),
    "units": _text(UnitName.parse, "web@1.service", "web.socket"),
    "places": _text(HttpUrl.parse, "http://127.0.0.1:8080/health?x=1", "http://[::1]/"),
    "sizes": _text(parse_size, "5G", "500 MiB"),
    "durations": _text(duration, "30d", "90s"),
    "compressions": _text(parse_compression, "zstd:19", "patch-lzma:1"),
}  # fmt: skip


def _eats(data: bytes) -> None:
    bytearray(int.from_bytes(data[:4], "big"))


def _spins(data: bytes) -> None:
    while data != CONTENT:
        pass


CONTROLS: dict[str, Reader] = {
    "a parser that trusts a length": Reader([b"\0\0\0\0more"], _eats),
    "a parser that never ends": Reader([CONTENT], _spins),
    "a parser that raises any error": Reader([b"good"], lambda data: {b"good": 0}[data]),
}


JOBS = {"requests of jobs": jobs.REQUEST, "states of jobs": jobs.STATE}
NAMES = (*READERS, *JOBS)


def reader(name: str) -> Reader:
    """One of ``NAMES``, or a control."""
    return _of_a_job(JOBS[name]) if name in JOBS else READERS.get(name) or CONTROLS[name]


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most corrupted samples for each parser, instead of 2,000."""
    count = min(CASES, most or CASES)
    tally = Tally("bytes that no parser expects")
    bounded.try_readers(tally, __name__, NAMES, count, directory)
    for control in CONTROLS:
        tally.control(control, bounded.run(__name__, control, count))
    yield tally
