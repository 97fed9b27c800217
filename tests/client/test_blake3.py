"""The plain Python BLAKE3 agrees with the package that the client uses."""

from __future__ import annotations

import blake3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relstore.formats.blake3 import digest
from tests.formats.test_blake3 import pattern

BLOCK = 64
CHUNK = 1024
GROUP = 256 * CHUNK
LARGEST = 300 * 1024


@st.composite
def sizes_near_boundaries(draw: st.DrawFn) -> int:
    """Sizes up to a block more or less than a whole number of blocks, chunks or groups of lanes."""
    unit = draw(st.sampled_from([BLOCK, CHUNK, GROUP]))
    whole = draw(st.integers(0, LARGEST // unit)) * unit
    return max(0, whole + draw(st.integers(-BLOCK, BLOCK)))


@given(size=sizes_near_boundaries(), start=st.integers(0, 250))
@settings(max_examples=200)
def test_agrees_with_the_package_near_boundaries(size: int, start: int) -> None:
    data = pattern(size, start)
    assert digest(data) == blake3.blake3(data).digest()


@given(data=st.binary(max_size=3 * CHUNK))
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
