"""Amounts of bytes as people write them."""

from __future__ import annotations

import pytest

from relstore.client.config.amounts import parse_size
from relstore.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500", 500),
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("2GiB", 2 << 30),
        ("3kb", 3 << 10),
        ("5 MiB", 5 << 20),
    ],
)
def test_a_size(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "1.5G", "2X", "1e9", "٣", "9" * 5000])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)
