"""The reader of manifests against one that is made of msgpack and the rules for entries: both take the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relstore.errors import FormatError
from relstore.formats import manifest as manifests
from relstore.formats import pack
from relstore.formats.entries import FILE_OF_KIND, MAX_BYTES, MAX_ENTRIES, VERSION, VERSION_WITH_COPIES
from relstore.formats.manifest import (
    EMPTY_BLAKE3,
    EMPTY_SHA256,
    Directory,
    Entry,
    File,
    Manifest,
    ObjectRef,
    Symlink,
)
from relstore.formats.names import Digest
from tests.formats.test_hostile_manifests import GOOD, HOSTILE, B, S, manifest


def by_msgpack(raw: bytes) -> list[Entry]:
    """What the reader must give: every value is decoded, encoded again, and checked."""
    values = pack.decode_stream(raw, what="manifest", limit=MAX_BYTES)
    header = next(values, None)
    if not isinstance(header, list) or len(header) != 3 or header[0] != "relstore-manifest":
        raise FormatError("no header")
    if type(header[1]) is not int or header[1] not in (VERSION, VERSION_WITH_COPIES):
        raise FormatError("another version")
    if type(header[2]) is not int or not 1 <= header[2] <= MAX_ENTRIES:
        raise FormatError("another number")
    entries = [_entry(value) for value in values]
    if len(entries) != header[2]:
        raise FormatError("another number of entries")
    manifests._check(entries)
    if header[1] != manifests._version(entries):
        raise FormatError("another version than the entries need")
    return entries


def _entry(value: Any) -> Entry:
    if not isinstance(value, list) or len(value) < 2 or not isinstance(value[0], str):
        raise FormatError("no path")
    path, kind, rest = value[0], value[1], value[2:]
    types = [type(item) for item in rest]
    if type(kind) is int:
        if kind == 0 and not rest:
            return Directory(path)
        if kind == 3 and types == [str]:
            return Symlink(path, rest[0])
        if kind in FILE_OF_KIND and types == [int, bytes, bytes] and len(rest[2]) == 32:
            executable, copied = FILE_OF_KIND[kind]
            return File(path, ObjectRef(Digest.from_bytes(rest[1]), rest[2], rest[0], executable), copied)
    raise FormatError("no kind")


def outcome(read: Any, raw: bytes) -> Any:
    try:
        return list(read(raw))
    except FormatError:
        return None


def same(raw: bytes) -> None:
    expected = outcome(by_msgpack, raw)
    assert outcome(lambda data: Manifest.parse(data).entries, raw) == expected
    if expected is not None:
        assert Manifest(expected).encode() == raw


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_both_refuse_what_is_hostile(raw: bytes) -> None:
    assert outcome(by_msgpack, raw) is None
    assert outcome(lambda data: Manifest.parse(data).entries, raw) is None


@pytest.mark.parametrize("size", [1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 1 << 40])
def test_sizes_at_the_limits_of_their_forms(size: int) -> None:
    same(manifest(["a", 1, size, B, S]))
    assert outcome(by_msgpack, manifest(["a", 1, size, B, S])) is not None


@pytest.mark.parametrize("length", [1, 31, 32, 255, 256, 300])
def test_paths_and_targets_at_the_limits_of_their_forms(length: int) -> None:
    parts = ["d" * 100, "d" * 100 + "/" + "e" * 100]
    path = ("/".join([*parts[1:], "f" * length]))[-length:].lstrip("/").rjust(length, "x")
    above = [["/".join(path.split("/")[:count]), 0] for count in range(1, path.count("/") + 1)]
    same(manifest(*above, [path, 3, "t" * length]))


@pytest.mark.parametrize("depth", [127, 128, 129])
def test_the_deepest_path(depth: int) -> None:
    raw = manifest(*[["/".join(["a"] * count), 0] for count in range(1, depth + 1)])
    same(raw)
    assert (outcome(by_msgpack, raw) is None) == (depth > 128)


NAMES = st.text(alphabet="ab./é\x7f\n", min_size=0, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
DIGESTS = st.sampled_from([B, S, EMPTY_BLAKE3.raw, EMPTY_SHA256, B[:31], B + b"x", "text", None])
SIZES = st.sampled_from([0, 1, 127, 128, 256, 65536, 2**32, 1 << 40, (1 << 40) + 1, -1, True, 1.5, None])
ENTRIES = st.one_of(
    st.builds(lambda path: [path, 0], PATHS),
    st.builds(lambda path, target: [path, 3, target], PATHS, PATHS),
    st.builds(
        lambda path, kind, size, blake3, sha256: [path, kind, size, blake3, sha256],
        PATHS, st.integers(0, 6), SIZES, DIGESTS, DIGESTS,
    ),
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(ENTRIES, max_size=4), st.booleans(), st.sampled_from([1, 1, 1, 2, 3]))
@example([["a", 0], ["a/b", 1, 1, B, S]], True, 1)
@example([["/a", 0]], True, 1)
def test_any_entries(entries: list[Any], in_order: bool, version: int) -> None:
    if in_order:
        entries.sort(key=lambda entry: str(entry[0]).encode())
    same(manifest(*entries, version=version))


LARGE = manifest(
    ["a", 0], ["a/" + "n" * 40, 2, 300, B, S], ["a/" + "o" * 200, 1, 70000, S, B], ["b", 3, "a"],
    ["é", 1, 0, EMPTY_BLAKE3.raw, EMPTY_SHA256],
)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from([GOOD, LARGE]), st.integers(0, 1000), st.integers(0, 3), st.binary(max_size=3))
def test_any_damage(raw: bytes, place: int, cut: int, put: bytes) -> None:
    place %= len(raw)
    same(raw[:place] + put + raw[place + cut :])


def test_the_samples_of_damage_are_good() -> None:
    for raw in (GOOD, LARGE):
        assert outcome(by_msgpack, raw) is not None
        same(raw)
