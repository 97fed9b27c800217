"""The file that says which relstore may change a store."""

from __future__ import annotations

import pytest

from relstore.formats.needs import LEVEL, NOTHING, Needs


@pytest.mark.parametrize(
    ("raw", "needs", "newer"),
    [
        (b"relstore-needs 1 0.1.0\n", Needs(1, "0.1.0"), False),
        (b"relstore-needs 2 0.3.0\n", Needs(2, "0.3.0"), True),
        (b"relstore-needs 12 1.0.0rc1\nwhat a newer one adds\n", Needs(12, "1.0.0rc1"), True),
    ],
)
def test_a_line_is_read(raw: bytes, needs: Needs, newer: bool) -> None:
    assert (Needs.parse(raw), needs.is_newer) == (needs, newer)


@pytest.mark.parametrize(
    "raw",
    [b"", b"relstore-needs 1 0.1.0", b"relstore-needs 0 1\n", b"relstore-needs 1 \x1b[1m\n", b"\0" * 64],
)
def test_what_cannot_be_read_counts_as_newer(raw: bytes) -> None:
    needs = Needs.parse(raw)
    assert (needs.is_newer, needs.version) == (True, "")


def test_a_store_without_the_file_is_of_today() -> None:
    assert (NOTHING.level, NOTHING.is_newer) == (LEVEL, False)
