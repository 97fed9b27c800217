"""The small contents of what was pushed, many to a file of the cache, so that a repair has them too.

A file for each would cost an inode, a block and a hundred microseconds; a pack has only the contents that no
other pack has. A content is proved by its BLAKE3 when it is used. A pack counts as one file of the cache, and
is removed like any other when it was not used for the longest time. Nothing here raises OSError. Not for the
bases of deltas, which are files of their own (``cache``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import Struct, error
from typing import NamedTuple

from blake3 import blake3

from relstore.client.local_state.cache import LARGEST_SHARE, Cache
from relstore.client.local_state.state_file import replacing
from relstore.formats.names import Digest

MAX_PACKS = 64
"""With more, the little ones become part of the next."""
LITTLE_BYTES = 1024 * 1024

_MAGIC = b"relstore small 1\n"
_COUNT = Struct("<Q")
_ROW = Struct("<32sQ")


class _Place(NamedTuple):
    offset: int
    size: int


class Pack(NamedTuple):
    """A pack, and where its contents are in it."""

    path: Path
    places: dict[bytes, _Place]


@dataclass(frozen=True)
class SmallContents:
    """The packs in ``cache``."""

    cache: Cache

    def keep(self, sources: Mapping[Digest, str]) -> None:
        """Keep a copy of these contents, each from its file; they are proved when they are used."""
        packs = list(self._packs())
        wanted = {name.raw: source for name, source in sources.items()}
        for pack in packs:
            if not wanted.keys().isdisjoint(pack.places):
                with contextlib.suppress(OSError):
                    os.utime(pack.path)
        known = {name for pack in packs for name in pack.places}
        new = dict(_read_all((name, source) for name, source in wanted.items() if name not in known))
        if not new:
            return
        merged = (
            [pack for pack in packs if _size(pack.path) < LITTLE_BYTES] if len(packs) >= MAX_PACKS else []
        )
        for pack in merged:
            new.update(_read_pack(pack, pack.places))
        if sum(map(len, new.values())) * LARGEST_SHARE > self.cache.limit:
            return
        with contextlib.suppress(OSError):
            self._write(new)
            for pack in merged:
                pack.path.unlink()

    def get(self, names: Iterable[Digest]) -> dict[Digest, bytes]:
        """Those of the contents that are here, proved. A pack that is damaged is removed."""
        wanted = {name.raw: name for name in names}
        found: dict[Digest, bytes] = {}
        for pack in self._packs():
            for raw, data in _read_pack(pack, wanted.keys() & pack.places.keys()):
                if blake3(data).digest() == raw:
                    found[wanted[raw]] = data
                else:
                    with contextlib.suppress(OSError):
                        pack.path.unlink()
        return found

    def _packs(self) -> Iterator[Pack]:
        for path in sorted(self.cache.directory.glob("small/??/*")):
            with contextlib.suppress(OSError, error, ValueError):
                yield Pack(path, _read_index(path))

    def _write(self, contents: Mapping[bytes, bytes]) -> None:
        index = b"".join(_ROW.pack(name, len(data)) for name, data in contents.items())
        name = blake3(index).hexdigest()
        with replacing(self.cache.directory / "small" / name[:2] / name) as new, open(new, "wb") as file:
            file.write(_MAGIC + _COUNT.pack(len(contents)) + index)
            file.writelines(contents.values())


def _read_index(path: Path) -> dict[bytes, _Place]:
    """Raises OSError, and ValueError or struct.error for what is no pack."""
    with open(path, "rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("no pack")
        (count,) = _COUNT.unpack(file.read(_COUNT.size))
        if count * _ROW.size > os.fstat(file.fileno()).st_size:
            raise ValueError("no pack")
        places, offset = {}, len(_MAGIC) + _COUNT.size + count * _ROW.size
        for name, size in _ROW.iter_unpack(file.read(count * _ROW.size)):
            places[name] = _Place(offset, size)
            offset += size
        return places


def _read_pack(pack: Pack, names: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    with contextlib.suppress(OSError), open(pack.path, "rb") as file:
        for name in names:
            place = pack.places[name]
            file.seek(place.offset)
            data = file.read(place.size)
            yield name, data


def _read_all(sources: Iterable[tuple[bytes, str]]) -> Iterator[tuple[bytes, bytes]]:
    for name, source in sources:
        with contextlib.suppress(OSError):
            yield name, Path(source).read_bytes()


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
