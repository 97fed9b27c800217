"""What was there before the store: which path an adoption took over, and what it was.

``apps/NAME/adopted``, one canonical msgpack list; docs/formats/adoption.md has the bytes. Not for reading
and writing it (``store.adoption``).
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from relstore.errors import FormatError
from relstore.formats import pack
from relstore.formats.names import MAX_GENERATION

MAGIC = "relstore-adoption"
VERSION = 1
MAX_BYTES = 1 << 20
_MAX_PATH = 4096

LayoutKind = Literal["versions", "capistrano", "ansistrano", "deployer", "directory"]
"""Which tool put the releases where they are. ``directory``: a single directory, which is itself live."""
VERSIONS: Final = "versions"
CAPISTRANO: Final = "capistrano"
ANSISTRANO: Final = "ansistrano"
DEPLOYER: Final = "deployer"
DIRECTORY: Final = "directory"
LAYOUTS: tuple[LayoutKind, ...] = (VERSIONS, CAPISTRANO, ANSISTRANO, DEPLOYER, DIRECTORY)


class Place(NamedTuple):
    """Where an adopted generation is in the old layout."""

    generation: int
    path: str


class Adoption(NamedTuple):
    """The path that leads into the store since, and what it takes to give it back."""

    kind: LayoutKind
    live: str
    """The path that was taken over, absolute."""
    was: str
    """The target that it had as a symlink; empty where it was a directory."""
    aside: str
    """The name, beside it, of the directory that it was; empty where it was a symlink."""
    target: str
    """Where it leads since."""
    places: tuple[Place, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Adoption:
        """Raises FormatError."""
        kind, live, was, aside, target, places = pack.decode_fields(
            raw, what="adoption", magic=MAGIC, version=VERSION, count=6, limit=MAX_BYTES
        )
        if not all(isinstance(text, str) and "\0" not in text for text in (kind, live, was, aside, target)):
            raise FormatError("an adoption with the wrong fields")
        if kind not in LAYOUTS:
            raise FormatError(f"an adoption of the unknown layout {kind[:40]!r}")
        for path in (live, target):
            if not path.startswith("/") or len(path) > _MAX_PATH:
                raise FormatError(f"an adoption with the path {path[:80]!r}")
        if bool(was) == bool(aside) or "/" in aside or aside in (".", ".."):
            raise FormatError("an adoption that does not say what its path was")
        return cls(kind, live, was, aside, target, tuple(map(_place, _list(places))))

    def encode(self) -> bytes:
        """Raises FormatError for what could not be read again."""
        fields = [*self[:5], [list(place) for place in self.places]]
        raw = pack.encode_fields(MAGIC, VERSION, fields)
        self.parse(raw)
        return raw

    def place(self, generation: int) -> str | None:
        """Where a generation is in the old layout; None for one that it does not have."""
        return next((place.path for place in self.places if place.generation == generation), None)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError("an adoption without its places")
    return value


def _place(value: Any) -> Place:
    if not isinstance(value, list) or [type(item) for item in value] != [int, str]:
        raise FormatError("an adoption with a place that is none")
    if not 1 <= value[0] <= MAX_GENERATION or not value[1].startswith("/") or "\0" in value[1]:
        raise FormatError("an adoption with a place that is none")
    return Place(*value)
