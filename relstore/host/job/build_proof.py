"""That a build's bytes were proved a moment ago, so that the job need not read them all again.

The session that received the build writes this into the directory of the job that activates it. It counts for
some minutes, in the same boot, while the wall clock runs on evenly, and only if the build still has the
fingerprint that it had then. Whatever is in doubt is read. Only the store's account can write there, and it
gains nothing by a lie: it could as well change the build after it was checked. Not for what a fingerprint
holds (``store.fingerprint``).
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import NamedTuple, Optional

from relstore.errors import FormatError, RelstoreError
from relstore.formats import pack
from relstore.formats.names import Digest
from relstore.host.job.directory import Job
from relstore.host.machine.clock import Moment
from relstore.store import fingerprint
from relstore.store.durable import write_all
from relstore.store.store import Store

HAND_OVER_S = 600
"""How long it counts."""

_FILE = "proved"
_MAGIC = "relstore-proved"
_VERSION = 1
_MAX_BYTES = 512
_EVEN_MS = 1000
"""How far the wall clock may be off, against that of the boot: more than it is ever slewed in HAND_OVER_S."""


class Instant(NamedTuple):
    """A moment of the boot, and what the wall clock said then, by which files are stamped."""

    boot: str
    boot_ms: int
    wall_ms: int

    @classmethod
    def now(cls) -> Instant:
        moment = Moment.now()
        return cls(moment.boot, int(moment.seconds * 1000), int(time.time() * 1000))

    def is_within(self, seconds: int, now: Instant) -> bool:
        """Whether it was at most so long before ``now``, and no clock was set and no machine slept since."""
        age = now.boot_ms - self.boot_ms
        uneven = abs(now.wall_ms - self.wall_ms - age)
        same_boot = bool(self.boot) and self.boot == now.boot
        return same_boot and 0 <= age <= seconds * 1000 and uneven <= _EVEN_MS


class BuildProof(NamedTuple):
    """That every byte of a build was right after ``since``, and how it looked when all of it was there."""

    build: Digest
    fingerprint: bytes
    since: Instant

    def write(self, job: Job) -> None:
        """Into the directory of a job that did not start yet. Raises OSError.

        It is not synced: after a power cut it counts for nothing.
        """
        raw = pack.encode_fields(_MAGIC, _VERSION, [self.build.raw, self.fingerprint, *self.since])
        fd = job.directory.create_file(_FILE)
        try:
            write_all(fd, raw)
        finally:
            os.close(fd)

    @classmethod
    def read(cls, job: Job) -> Optional[BuildProof]:
        """What ``write`` wrote; None where that is not there, or nobody understands it. Raises OSError."""
        with contextlib.suppress(RelstoreError):
            raw = job.directory.read_or_none(_FILE, _MAX_BYTES)
            return None if raw is None else cls._parse(raw)
        return None

    @classmethod
    def _parse(cls, raw: bytes) -> BuildProof:
        build, taken, boot, boot_ms, wall_ms = pack.decode_fields(
            raw, what="proof of a build", magic=_MAGIC, version=_VERSION, count=5, limit=_MAX_BYTES
        )
        kinds = (bytes, bytes, str, int, int)
        values = (build, taken, boot, boot_ms, wall_ms)
        if tuple(map(type, values)) != kinds or len(taken) != fingerprint.DIGEST_BYTES:
            raise FormatError("not a proof of a build")
        return cls(Digest.from_bytes(build), taken, Instant(boot, boot_ms, wall_ms))

    def holds(self, store: Store, now: Instant) -> bool:
        """Whether the build is as it was when it was proved, as far as stat(2) tells."""
        if not self.since.is_within(HAND_OVER_S, now):
            return False
        with contextlib.suppress(OSError, RelstoreError), store.builds.directory.sub(self.build) as build:
            return fingerprint.take(build) == self.fingerprint
        return False
