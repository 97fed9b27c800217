"""The compiled matcher, ``matcher.c``: loaded by ctypes, with results as Python's own values.

A wheel brings it; in a checkout ``packaging/compile_matcher.py`` compiles it where there is a compiler. Where
it is missing, or another version's, no patches are made. Not for the bytes of a patch (``patch``).
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from relstore.errors import RelstoreError
from relstore.formats.patch import FIELD_BYTES, GRAIN_BITS, MAX_COVERS
from relstore.formats.patch_layout import MAX_ANCHORS, MAX_REGIONS, MemoryLayout

LIBRARY = Path(__file__).with_name("libmatcher.so.1")
"""Where the compiled matcher lies, on every platform; a name that Python does not take for a module's."""

_ABI = 2
_NO_MEMORY, _TOO_MANY = -1, -2
_LEAST_SCORE, _HIGHEST_SCORE = 64, 64 << 16
_LARGE_BYTES = ((192 << 20, 5), (64 << 20, 4))
_BITS = 3
_WORDS_OF_COVER = 3
_pointer, _int, _long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64

Mapped = Any
"""The bytes of a file where C can read them: what ``mapped`` gives, or a ctypes array."""


class MatcherError(RelstoreError):
    """The matcher cannot do this: it lacks memory."""


class Columns(NamedTuple):
    """What one segment consists of (docs/formats/patch.md), before it is compressed."""

    extra: bytes
    low: bytes
    high: bytes
    kinds: bytes
    values: bytes


@lru_cache(maxsize=1)
def available() -> bool:
    """Whether the compiled matcher is here, and of this version."""
    with contextlib.suppress(OSError, AttributeError):
        return int(_library().matcher_abi()) == _ABI
    return False


@contextlib.contextmanager
def mapped(path: str | Path) -> Iterator[Mapped]:
    """The bytes of a file. Raises OSError."""
    with open(path, "rb") as file:
        try:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # ctypes takes only what is writable
        except ValueError:  # there is nothing to map
            yield (ctypes.c_char * 0)()
            return
    # It is not closed here, which would fail while a ctypes array refers to it; it ends with the last one.
    yield (ctypes.c_char * len(view)).from_buffer(view)


def part_of(whole: Mapped, begin: int, end: int) -> Mapped:
    """A part of a file, in the same memory."""
    return (ctypes.c_char * (min(end, len(whole)) - begin)).from_buffer(whole, begin)


def in_memory(data: bytes) -> Mapped:
    """A copy of ``data`` where C can read it."""
    return (ctypes.c_char * len(data)).from_buffer_copy(data)


class Covers:
    """Stretches of a new file, in order and without overlaps, each with its position in the old file."""

    def __init__(self, numbers: Any, count: int) -> None:
        self.numbers, self.count = numbers, count

    def __len__(self) -> int:
        return self.count

    @classmethod
    def of(cls, parts: Sequence[Covers]) -> Covers:
        """Those of several parts of a file, in the order of the file."""
        numbers = (_long * (_WORDS_OF_COVER * sum(map(len, parts))))()
        at = 0
        for part in parts:
            size = 8 * _WORDS_OF_COVER * part.count
            ctypes.memmove(ctypes.byref(numbers, at), part.numbers, size)
            at += size
        return cls(numbers, len(numbers) // _WORDS_OF_COVER)

    def columns(self) -> tuple[array[int], array[int], array[int]]:
        """The starts, the ends and the moves: the position in the old file minus the one in the new."""
        numbers = array("q", bytes(memoryview(self.numbers).cast("B")[: 8 * _WORDS_OF_COVER * self.count]))
        return numbers[0::3], numbers[1::3], numbers[2::3]

    @classmethod
    def from_list(cls, covers: Sequence[tuple[int, int, int]]) -> Covers:
        """The start, the end and the move of each."""
        numbers = array("q", chain.from_iterable(covers))
        return cls((_long * len(numbers)).from_buffer(numbers), len(covers))

    @property
    def size(self) -> int:
        """Bytes of the new file that are covered."""
        starts, ends, _ = self.columns()
        return sum(ends) - sum(starts)


class _Map(ctypes.Structure):
    """A layout as C has it."""

    _fields_ = (
        *((name, _long) for name in ("old_count", "new_count", "anchor_count", "low", "high")),
        ("old_regions", _long * (3 * MAX_REGIONS)),
        ("new_regions", _long * (3 * MAX_REGIONS)),
        ("anchors", _long * (2 * MAX_ANCHORS)),
    )

    @classmethod
    def of(cls, layout: MemoryLayout | None) -> Any:
        """What C is given; nothing without a layout."""
        if layout is None:
            return None
        parts = (layout.base, layout.content, layout.anchors)
        made = cls(*map(len, parts), layout.low, layout.high)
        for numbers, part in zip((made.old_regions, made.new_regions, made.anchors), parts, strict=True):
            numbers[: sum(map(len, part))] = [number for one in part for number in one]
        return ctypes.byref(made)


class Matcher:
    """Finds what new files have in common with ``old``. Use it in a ``with``."""

    def __init__(self, old: Mapped, bits: int = 0) -> None:
        """``bits``: about one position in 2**bits is indexed. Raises MatcherError."""
        self._old, self._size = old, len(old)
        bits = bits or next((bits for size, bits in _LARGE_BYTES if self._size > size), _BITS)
        self._index = _library().matcher_index(old, self._size, bits)
        if not self._index:
            raise MatcherError("there is no memory for an index over the previous release")

    def __enter__(self) -> Matcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Free the index; ``columns`` needs none."""
        self.free()

    def free(self) -> None:
        """Free the index."""
        _library().matcher_free(self._index)
        self._index = None

    def find(self, part: Mapped, low: int = 0) -> Covers:
        """The covers of a new file, or of a ``part`` that begins at ``low``; as many as a patch may have."""
        most = min(len(part) // 8 + 1, MAX_COVERS)
        least = _LEAST_SCORE
        while least <= _HIGHEST_SCORE:
            covers = (_long * (_WORDS_OF_COVER * most))()
            count = _library().matcher_find(self._index, part, low, len(part), least, covers, most)
            if count != _TOO_MANY:
                return Covers(covers, _checked(count))
            least *= 2  # fewer, and each worth more
        return Covers((_long * 0)(), 0)

    def moved(self, covers: Covers, layout: MemoryLayout | None = None) -> Any:
        """How far each grain of the old file moves."""
        reach = layout.high - layout.low if layout else self._size
        moved = (ctypes.c_int32 * ((reach >> GRAIN_BITS) + 1))()
        found = _library().matcher_moved(covers.numbers, covers.count, self._size, _Map.of(layout), moved)
        _checked(found)
        return moved

    def columns(
        self, part: Mapped, begin: int, covers: Covers, moved: Any, layout: MemoryLayout | None = None
    ) -> Columns:
        """The segment of a new file whose bytes, from ``begin`` on, are ``part``."""
        size = len(part)
        fields = -(-size // FIELD_BYTES) + 1
        bytes_of = [ctypes.create_string_buffer(count) for count in (size + 1, fields, fields, fields)]
        values = ctypes.create_string_buffer(FIELD_BYTES * fields)
        counts = (_long * 3)()
        _checked(
            _library().matcher_columns(
                self._old, self._size, part, begin, begin + size, covers.numbers, covers.count,
                _Map.of(layout), moved, *bytes_of, values, counts,
            )
        )  # fmt: skip
        extra, count, plain = counts
        sizes = (extra, count, count, count, FIELD_BYTES * plain)
        columns = zip((*bytes_of, values), sizes, strict=True)
        return Columns._make(bytes(memoryview(column)[:length]) for column, length in columns)


def _checked(code: int) -> int:
    if code == _NO_MEMORY:
        raise MatcherError("there is no memory for a patch")
    if code < 0:
        raise ValueError(f"the matcher was called wrongly: {code}")
    return int(code)


@lru_cache(maxsize=1)
def _library() -> Any:
    """The functions of ``matcher.c``. Raises OSError and AttributeError."""
    library = ctypes.CDLL(str(LIBRARY))
    for name, result, arguments in (
        ("matcher_abi", _int, ()),
        ("matcher_index", _pointer, (_pointer, _long, _int)),
        ("matcher_free", None, (_pointer,)),
        ("matcher_find", _long, (_pointer, _pointer, _long, _long, _long, _pointer, _long)),
        ("matcher_moved", _int, (_pointer, _long, _long, _pointer, _pointer)),
        (
            "matcher_columns",
            _int,
            (_pointer, _long, _pointer, _long, _long, _pointer, _long, *[_pointer] * 8),
        ),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
