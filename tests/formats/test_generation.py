"""Generation records: exactly what is written is read, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.errors import FormatError
from relstore.formats import pack
from relstore.formats.generation import MAX_NOTE, MAX_WHO, Description, Generation, record_digest
from relstore.formats.names import AppName, Digest

BUILD = bytes(range(32))
PARENT = bytes(range(32, 64))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = ["relstore-generation", 1, "web", 2, BUILD, PARENT, 1_790_000_000, 12, 3, "me@desk", COMMIT, True, "n"]


def replaced(index: int, value: Any) -> bytes:
    return pack.encode([*GOOD[:index], value, *GOOD[index + 1 :]])


def test_a_good_record_is_read() -> None:
    raw = pack.encode(GOOD)
    record = Generation.parse(raw)
    assert record == Generation(
        AppName("web"), 2, Digest(BUILD.hex()), Digest(PARENT.hex()), 1_790_000_000, 12, 3,
        Description("me@desk", COMMIT, True, "n"),
    )  # fmt: skip
    assert record.encode() == raw


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(pack.encode(GOOD) + b"\0", id="trailing"),
        pytest.param(pack.encode(GOOD)[:-1], id="cut"),
        pytest.param(pack.encode("web"), id="no list"),
        pytest.param(pack.encode([]), id="an empty list"),
        pytest.param(pack.encode(GOOD[:-1]), id="too few"),
        pytest.param(pack.encode([*GOOD, 1]), id="too many"),
        pytest.param(replaced(0, "relstore-manifest"), id="another format"),
        pytest.param(replaced(1, 2), id="another version"),
        pytest.param(replaced(1, True), id="a version that is True"),
        pytest.param(replaced(2, "../web"), id="a path as an app"),
        pytest.param(replaced(2, b"web"), id="bytes as an app"),
        pytest.param(replaced(3, 0), id="number 0"),
        pytest.param(replaced(3, -1), id="a negative number"),
        pytest.param(replaced(3, 1), id="the first with a parent"),
        pytest.param(replaced(3, 2**31), id="too large a number"),
        pytest.param(replaced(3, True), id="True as a number"),
        pytest.param(replaced(4, BUILD[:-1]), id="a short build"),
        pytest.param(replaced(4, BUILD.hex()), id="text as a build"),
        pytest.param(replaced(5, None), id="the second without a parent"),
        pytest.param(replaced(5, b""), id="an empty parent"),
        pytest.param(replaced(6, -1), id="a time before time"),
        pytest.param(replaced(6, 2**41), id="a time beyond time"),
        pytest.param(replaced(7, -1), id="a negative size"),
        pytest.param(replaced(8, -1), id="a negative count"),
        pytest.param(replaced(9, "x" * (MAX_WHO + 1)), id="too long a name"),
        pytest.param(replaced(9, "me\x1b[31m"), id="an escape in the name"),
        pytest.param(replaced(9, None), id="nobody"),
        pytest.param(replaced(10, "main"), id="a branch as a commit"),
        pytest.param(replaced(10, COMMIT.upper()), id="capitals in the commit"),
        pytest.param(replaced(10, COMMIT[:-1]), id="a short commit"),
        pytest.param(replaced(10, None), id="dirty without a commit"),
        pytest.param(replaced(11, 1), id="1 as a mark"),
        pytest.param(replaced(12, "x" * (MAX_NOTE + 1)), id="too long a note"),
        pytest.param(replaced(12, "a\0b"), id="a NUL in the note"),
        pytest.param(b"\xdc\x00\x0d" + pack.encode(GOOD)[1:], id="a longer head than needed"),
    ],
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError):
        Generation.parse(raw)


@given(
    number=st.integers(1, 2**31 - 1),
    created=st.integers(0, 1 << 40),
    size=st.integers(0, 1 << 62),
    note=st.text(st.characters(codec="utf-8", exclude_categories=("Cc",)) | st.just("\n"), max_size=200),
    commit=st.none() | st.just(COMMIT),
)
def test_what_is_written_is_read(number: int, created: int, size: int, note: str, commit: str | None) -> None:
    parent = None if number == 1 else Digest(PARENT.hex())
    description = Description("me@desk", commit, False, note)
    record = Generation(AppName("web"), number, Digest(BUILD.hex()), parent, created, size, 1, description)
    assert Generation.parse(record.encode()) == record


def test_a_digest_covers_every_byte() -> None:
    raw = pack.encode(GOOD)
    assert len({record_digest(raw[:at] + b"\0" + raw[at + 1 :]) for at in range(len(raw)) if raw[at]}) > 100
