"""The plain Python BLAKE3 is held to the official vectors and to the package the client uses."""

from __future__ import annotations

import json
from pathlib import Path

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.store.blake3 import digest

BLOCK = 64
CHUNK = 1024
GROUP = 256 * CHUNK
LARGEST = 300 * 1024

VECTORS = json.loads(Path(__file__).with_name("blake3_vectors.json").read_text())["cases"]


def pattern(size: int, start: int = 0) -> bytes:
    """The official vectors' input: no two neighbouring blocks or chunks are equal."""
    return (bytes(range(251)) * (size // 251 + 2))[start : start + size]


@st.composite
def sizes_near_boundaries(draw: st.DrawFn) -> int:
    """Sizes up to a block more or less than a whole number of blocks, chunks or groups of lanes."""
    unit = draw(st.sampled_from([BLOCK, CHUNK, GROUP]))
    whole = draw(st.integers(0, LARGEST // unit)) * unit
    return max(0, whole + draw(st.integers(-BLOCK, BLOCK)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["input_len"]))
def test_agrees_with_the_official_vectors(vector: dict[str, object]) -> None:
    size, expected = vector["input_len"], vector["hash"]
    assert isinstance(size, int)
    assert digest(pattern(size)).hex() == expected


@given(size=sizes_near_boundaries(), start=st.integers(0, 250))
@settings(deadline=None, max_examples=200)
def test_agrees_with_the_package_near_boundaries(size: int, start: int) -> None:
    data = pattern(size, start)
    assert digest(data) == blake3.blake3(data).digest()


@given(data=st.binary(max_size=3 * CHUNK))
@settings(deadline=None)
def test_agrees_with_the_package_on_any_bytes(data: bytes) -> None:
    assert digest(data) == blake3.blake3(data).digest()


@pytest.mark.parametrize(
    "byte", [pytest.param(0x00, id="no carry anywhere"), pytest.param(0xFF, id="a carry in every addition")]
)
def test_lanes_do_not_leak_into_each_other(byte: int) -> None:
    data = bytes([byte]) * (40 * CHUNK + 1)
    assert digest(data) == blake3.blake3(data).digest()


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("groups", [2, 3, 8])
def test_agrees_with_the_package_when_parents_need_several_groups(groups: int, extra: int) -> None:
    data = pattern(groups * GROUP + extra)
    assert digest(data) == blake3.blake3(data).digest()
