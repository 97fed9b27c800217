"""A sample is of the whole content, and tells how alike it is to its base."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from blake3 import blake3

from relstore.client.artifact.scan import Scan, scan
from relstore.client.coding import Coding
from relstore.client.local_state.cache import Cache
from relstore.client.transfer.cost_model import Sample
from relstore.client.transfer.delta.matcher import Matcher, in_memory
from relstore.client.transfer.delta.patch import write
from relstore.client.transfer.sampling import take_sample
from relstore.client.transfer.streams import Payload, payloads
from relstore.formats.codecs import PATCH_ZSTD
from relstore.formats.manifest import contents
from relstore.formats.names import Digest
from relstore.protocol import Base, Wanted
from tests.support.matcher import needs_matcher
from tests.support.moved_programs import release

MIB = 1024 * 1024


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def made(tmp_path: Path, data: bytes) -> tuple[Payload, Scan]:
    file = tmp_path / "artifact"
    file.write_bytes(data)
    scanned = scan(file)
    (payload,) = payloads([Wanted(0, 0)], contents(scanned.manifest))
    return payload, scanned


def kept(cache: Cache, tmp_path: Path, data: bytes) -> Base:
    file = tmp_path / "base"
    file.write_bytes(data)
    name = Digest(blake3(data).hexdigest())
    cache.add(name, file, len(data))
    return Base(name, len(data))


def sample_of(
    cache: Cache, tmp_path: Path, data: bytes, base: bytes | None = None, *, patch: bool = False
) -> Sample:
    payload, scanned = made(tmp_path, data)
    known = None if base is None else kept(cache, tmp_path, base)
    return take_sample(cache, payload, known, contents(scanned.manifest), scanned, patch=patch)


def likeness(sample: Sample) -> float:
    assert sample.on_base is not None
    return sample.on_base / sample.ratio


def noise(count: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(count)


@pytest.mark.parametrize(
    ("data", "ratio"),
    [
        (noise(4 * MIB), 1.0),
        (bytes(4 * MIB), 0.0),
        (noise(2 * MIB) + bytes(2 * MIB), 0.5),
        (bytes(3 * MIB) + noise(MIB), 0.25),
        (bytes(3 * MIB // 2) + noise(MIB) + bytes(3 * MIB // 2), 0.25),
        (noise(300_000), 1.0),
    ],
    ids=["noise", "zeros", "half", "noise at the end", "noise in the middle", "small"],
)
def test_how_it_compresses_wherever_that_is(cache: Cache, tmp_path: Path, data: bytes, ratio: float) -> None:
    sample = sample_of(cache, tmp_path, data)
    assert sample.ratio == pytest.approx(ratio, abs=0.07)
    assert sample.speed > 0
    assert (sample.on_base, sample.patch) == (None, None)


@pytest.mark.parametrize("size", [700_000, 4 * MIB])
def test_how_alike_it_is_to_its_base(cache: Cache, tmp_path: Path, size: int) -> None:
    data = noise(size, 1)
    assert likeness(sample_of(cache, tmp_path, data, data)) < 0.05
    assert likeness(sample_of(cache, tmp_path, data, noise(size, 2))) > 0.95
    half = data[: size // 2] + noise(size - size // 2, 3)
    assert likeness(sample_of(cache, tmp_path, half, data)) == pytest.approx(0.5, abs=0.1)


def test_what_grew_is_compared_with_what_lies_at_the_same_part_of_the_base(
    cache: Cache, tmp_path: Path
) -> None:
    data = noise(4 * MIB, 4)
    assert likeness(sample_of(cache, tmp_path, noise(100_000, 5) + data, data)) < 0.2


def test_programs(cache: Cache, tmp_path: Path) -> None:
    assert likeness(sample_of(cache, tmp_path, release(2, 5000), release(1, 5000))) < 0.6
    assert likeness(sample_of(cache, tmp_path, release(2, 5000), os.urandom(MIB))) > 0.9


def test_a_base_that_is_gone_is_no_base(cache: Cache, tmp_path: Path) -> None:
    payload, scanned = made(tmp_path, noise(MIB))
    gone = Base(Digest("0" * 64), MIB)
    sample = take_sample(cache, payload, gone, contents(scanned.manifest), scanned, patch=True)
    assert likeness(sample) == 1.0
    assert sample.patch is None


@needs_matcher
@pytest.mark.parametrize("size", [700_000, 6 * MIB])
def test_what_a_patch_would_be(cache: Cache, tmp_path: Path, size: int) -> None:
    """By the matcher itself: what moved far away is found as well."""
    data = noise(size, 1)
    half = data[: size // 2] + noise(size - size // 2, 3)
    for content, ratio in (
        (data, 0.0),
        (noise(size, 2), 1.0),
        (half, 0.5),
        (data[size // 2 :] + data[: size // 2], 0.0),
    ):
        found = sample_of(cache, tmp_path, content, data, patch=True).patch
        assert found is not None
        assert found.ratio == pytest.approx(ratio, abs=0.05)
        assert found.plain == pytest.approx(ratio, abs=0.05)


@needs_matcher
def test_a_patch_of_a_program_is_estimated(cache: Cache, tmp_path: Path) -> None:
    old, new = release(1, 15_000), release(2, 15_000)
    found = sample_of(cache, tmp_path, new, old, patch=True).patch
    assert found is not None
    with Matcher(in_memory(old)) as matching:
        content = in_memory(new)
        parts = list(write(matching, content, matching.find(content), Coding(PATCH_ZSTD, 3)))
    assert 0.7 < found.ratio * len(new) / sum(map(len, parts)) < 3
