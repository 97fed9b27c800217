"""A build on its way to a host: what is missing, the streams of contents, publishing and repairing.

Not for making it current (``activation``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy


class Probe(NamedTuple):
    """What does the host know of this app and build? Reply: Probed."""

    app: AppName
    build: Digest


class Compare(NamedTuple):
    """What is missing of a build? The body is its manifest, or the difference to that of another build.
    Changes nothing. Reply: Compared."""

    app: AppName
    build: Digest
    allow_outside_links: bool
    base: Optional[Digest] = None
    """The build whose manifest is the prefix of the zstd frame that the body is then."""
    size: Optional[int] = None
    """Of the manifest that this frame decodes to, in bytes."""


class Begin(NamedTuple):
    """Start the upload of the build that was compared last. No reply unless it fails."""


class Segment(NamedTuple):
    """``length`` bytes of a content from ``offset`` on."""

    content: int
    offset: int
    length: int


class Open(NamedTuple):
    """A stream begins; decoded, it is these segments in order. No reply unless it fails."""

    codec: str
    base: Optional[Digest]
    """An object of the host's, one of those that Compared offered, which the codec builds on."""
    segments: tuple[Segment, ...]


class Put(NamedTuple):
    """The next bytes of the open stream, in the body. No reply unless it fails."""


DRAWN_PIECE_BYTES = 256 * 1024
"""A stream at an origin is verified in pieces of this size; its last one may be shorter."""


class Draw(NamedTuple):
    """Fetch the bytes of the open stream from an origin. Reply: Drawn.

    The body is the SHA-256 of each piece of the stream, one after the other.
    """

    url: str
    """It may hold a signature, so it is shown nowhere."""
    size: int
    """Of the stream, in bytes."""
    allow_http: bool
    authorities: str
    """PEM of the only ones that may have signed its certificate; empty for those of the host."""
    patience: int
    """Seconds to wait for the next bytes."""
    within: int
    """Seconds for all of it."""

    def __repr__(self) -> str:
        return f"Draw(size={self.size})"


class Publish(NamedTuple):
    """Make the build of the upload and record a generation of it. Reply: Published."""

    app: AppName
    who: str
    commit: Optional[str]
    dirty: bool
    note: str
    retention: Optional[Policy] = None
    """The policy of the app from now on; None leaves it as it is."""


class Restore(NamedTuple):
    """Repair the build of the upload, which is in the store, but damaged, as far as its contents are there.

    Reply: Published, of no generation; ``again`` has the contents that are still damaged.
    """


class Release(NamedTuple):
    """Record a generation of a build that is in the store. Reply: Released."""

    app: AppName
    build: Digest
    who: str
    commit: Optional[str]
    dirty: bool
    note: str
    retention: Optional[Policy] = None
    """As in Publish."""


class Probed(NamedTuple):
    present: bool
    """Whether the build is in the store."""
    current: int
    """The number of the current generation, or 0."""
    current_build: Optional[Digest]
    waiting: int
    """A generation of this very build that is recorded and still to be activated, or 0: it is newer than
    the current one and was never active, or it is current but its job died before the outcome."""
    damaged: bool = False
    """Whether it is in the store, but damaged; what is wrong with it counts as missing."""


class Base(NamedTuple):
    """An object that the host has."""

    blake3: Digest
    size: int


class Wanted(NamedTuple):
    """A content that the host lacks, how much of it is staged already, and which of the host's objects may
    be similar, the likeliest first."""

    content: int
    offset: int
    bases: tuple[Base, ...] = ()


class Compared(NamedTuple):
    """The body is a stream of Wanted. It is empty when nothing has to be sent: the build is present, current,
    or waiting."""

    found: Probed
    missing: int
    codecs: tuple[str, ...]
    """Those that the host can decode, the best first."""
    send_whole: Optional[bool] = None
    """True: the host cannot undo the difference, so it compared nothing, and needs the manifest itself."""


class Drawn(NamedTuple):
    """How far an origin has brought the open stream; it goes on with Put from there."""

    taken: int
    """Bytes of the stream that were verified and taken."""
    fetched: int
    """Bytes that came from the origin, whatever became of them."""
    why: str
    """Why the rest did not come; empty when nothing is left to send."""


class Again(NamedTuple):
    """A content that has to be sent (again), from ``offset``."""

    content: int
    offset: int
    why: str


class Published(NamedTuple):
    """While a build lacks contents to send ``again`` (at most 1,000 at a time), nothing is recorded and
    ``number`` is 0."""

    number: int
    again: tuple[Again, ...]
    record: bytes = b""
    """What was recorded, as it is on disk."""
    repaired: int = 0
    """How many entries of the build were repaired."""


class Released(NamedTuple):
    number: int
    record: bytes
