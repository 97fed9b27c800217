"""The plain Python BLAKE3 is held to the official vectors, on every interpreter that a host may have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relstore.formats.blake3 import digest

VECTORS = json.loads(Path(__file__).with_name("blake3_vectors.json").read_text())["cases"]


def pattern(size: int, start: int = 0) -> bytes:
    """The official vectors' input: no two neighbouring blocks or chunks are equal."""
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["input_len"]))
def test_agrees_with_the_official_vectors(vector: dict[str, object]) -> None:
    size, expected = vector["input_len"], vector["hash"]
    assert isinstance(size, int)
    assert digest(pattern(size)).hex() == expected
