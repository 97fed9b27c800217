"""The generation record: an immutable, numbered line in an app's chain.

Each record holds the digest of the previous one, so that nobody can change a record in the middle of a chain
without changing every later one. The format is in ``docs/formats/generation.md``. Not for what became of a
generation (``journal``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from relstore.errors import FormatError, UsageError
from relstore.formats import pack
from relstore.formats.blake3 import digest as blake3_digest
from relstore.formats.blake3 import digests as blake3_digests
from relstore.formats.manifest import MAX_ENTRIES
from relstore.formats.names import MAX_GENERATION, AppName, Digest

MAGIC = "relstore-generation"
VERSION = 1
MAX_BYTES = 16 * 1024
MAX_NOTE = 2000
MAX_WHO = 255
MAX_TIME = 1 << 40
_COMMIT_LENGTHS = (40, 64)


def short_commit(commit: str | None, *, dirty: bool) -> str:
    """A commit for people, with ``+`` when there were uncommitted changes; ``-`` without one."""
    return (commit[:9] + ("+" if dirty else "")) if commit else "-"


class Description(NamedTuple):
    """What the deployer says about a release."""

    who: str
    """``account@machine`` of the deployer."""
    commit: str | None
    """The git commit in hexadecimal, or None."""
    dirty: bool
    """Whether the work tree differed from that commit."""
    note: str

    @classmethod
    def parse(cls, who: Any, commit: Any, dirty: Any, note: Any) -> Description:
        """Raises FormatError."""
        _text(who, "who", MAX_WHO)
        _text(note, "note", MAX_NOTE)
        if commit is not None and not (
            isinstance(commit, str)
            and len(commit) in _COMMIT_LENGTHS
            and not commit.strip("0123456789abcdef")
        ):
            raise FormatError("a commit that is not 40 or 64 hexadecimal digits")
        if type(dirty) is not bool or (dirty and commit is None):
            raise FormatError("uncommitted changes without a commit")
        return cls(who, commit, dirty, note)


class Generation(NamedTuple):
    """One record, as it is stored in ``records/NUMBER``."""

    app: AppName
    number: int
    build: Digest
    parent: Digest | None
    """The digest of the previous record; None for the first."""
    created: int
    """Seconds since 1970, by the host's clock."""
    size: int
    """The bytes of all files of the build."""
    files: int
    description: Description

    @classmethod
    def parse(cls, raw: bytes) -> Generation:
        """Raises FormatError unless ``raw`` is exactly what ``encode`` writes."""
        fields = pack.decode_fields(
            raw, what="generation record", magic=MAGIC, version=VERSION, count=11, limit=MAX_BYTES
        )
        app, number, build, parent, created, size, files, who, commit, dirty, note = fields
        if not isinstance(app, str) or not isinstance(build, bytes):
            raise FormatError("a generation record without an app or a build")
        if not (parent is None or isinstance(parent, bytes)):
            raise FormatError("a generation record whose parent is not a digest")
        _integer(number, "number", 1, MAX_GENERATION)
        _integer(created, "time", 0, MAX_TIME)
        _integer(size, "size", 0, 1 << 62)
        _integer(files, "number of files", 0, MAX_ENTRIES)
        if (parent is None) != (number == 1):
            raise FormatError("a generation record whose parent does not match its number")
        try:
            name = AppName.parse(app)
        except UsageError as error:
            raise FormatError(error.what) from None
        return cls(
            name,
            number,
            Digest.from_bytes(build),
            None if parent is None else Digest.from_bytes(parent),
            created,
            size,
            files,
            Description.parse(who, commit, dirty, note),
        )

    def encode(self) -> bytes:
        """The bytes whose BLAKE3 the next record holds."""
        parent = None if self.parent is None else self.parent.raw
        head = [str(self.app), self.number, self.build.raw, parent, self.created, self.size, self.files]
        return pack.encode_fields(MAGIC, VERSION, [*head, *self.description])


def record_digest(raw: bytes) -> Digest:
    """The digest that the next record names as its parent."""
    return Digest.from_bytes(blake3_digest(raw))


def record_digests(records: Sequence[bytes]) -> list[Digest]:
    """``record_digest`` of each, much faster than one after the other."""
    return [Digest.from_bytes(found) for found in blake3_digests(records)]


def _text(value: Any, what: str, limit: int) -> None:
    if not isinstance(value, str) or len(value) > limit:
        raise FormatError(f"a {what} that is not text of at most {limit} characters")
    if any(ord(letter) < 32 and letter != "\n" for letter in value):
        raise FormatError(f"a {what} with control characters")


def _integer(value: Any, what: str, low: int, high: int) -> None:
    if type(value) is not int or not low <= value <= high:
        raise FormatError(f"a generation record whose {what} is not within {low} to {high}")


State = Literal["current", "good", "failed", "never-active", "deleted"]
"""What became of a generation; ``store.history`` tells it from the journal and the links."""

CURRENT: Final = "current"
GOOD: Final = "good"
FAILED: Final = "failed"
NEVER_ACTIVE: Final = "never-active"
DELETED: Final = "deleted"
STATES: tuple[State, ...] = (CURRENT, GOOD, FAILED, NEVER_ACTIVE, DELETED)
