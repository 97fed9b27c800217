"""The plain Python BLAKE3 is held to the official vectors, on every interpreter that a host may have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relstore.formats.blake3 import digest, digests

VECTORS = json.loads(Path(__file__).with_name("blake3_vectors.json").read_text())["cases"]


def pattern(size: int, start: int = 0) -> bytes:
    """The official vectors' input: no two neighbouring blocks or chunks are equal."""
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["input_len"]))
def test_agrees_with_the_official_vectors(vector: dict[str, object]) -> None:
    size, expected = vector["input_len"], vector["hash"]
    assert isinstance(size, int)
    assert digest(pattern(size)).hex() == expected


def test_many_at_once_are_as_one_after_the_other() -> None:
    # All lengths of a last block, more contents of a kind than one call has lanes, none, and some of two chunks.
    contents = [pattern(size % 1100, size) for size in range(2600)] + [b""] * 300
    assert digests(contents[::7]) == [digest(data) for data in contents[::7]]
    assert digests([b""] * 300) == [digest(b"")] * 300
    assert digests([]) == []
