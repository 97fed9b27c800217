"""Which way a content is sent, by size, link, codecs, and what the person asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.client.coding import Coding
from relstore.client.transfer.cost_model import MAX_DELTA_BYTES, Case, PatchSample, Sample, best, options
from relstore.formats.codecs import PATCH_LZMA, PATCH_ZSTD, RAW, XZ, ZLIB, ZSTD
from relstore.formats.patch import MAX_BASE_BYTES

MB = 1e6
CODECS = (ZSTD, XZ, ZLIB, RAW)
PROGRAM = Case(44_000_000, Sample(0.4, 170 * MB), 44_000_000, 12.5 * MB, CODECS)


@pytest.mark.parametrize(
    ("link", "base", "codec", "delta"),
    [
        (1000 * MB, 0, RAW, False),
        (1000 * MB, 44_000_000, RAW, False),
        (125 * MB, 0, ZSTD, False),
        (12.5 * MB, 0, ZSTD, False),
        (12.5 * MB, 44_000_000, ZSTD, True),
        (2.5 * MB, 44_000_000, ZSTD, True),
        (0.1 * MB, 44_000_000, ZSTD, True),
    ],
)
def test_the_link_decides(link: float, base: int, codec: str, delta: bool) -> None:
    option = best(PROGRAM._replace(link=link, base=base))
    assert (option.coding.codec, option.delta) == (codec, delta)


def test_the_slower_the_link_the_higher_the_level() -> None:
    levels = [best(PROGRAM._replace(link=link * MB)).coding.level for link in (50, 12.5, 2.5, 0.1)]
    assert levels == sorted(levels)
    assert levels[0] < levels[-1]


def test_what_cannot_be_made_smaller_goes_as_it_is() -> None:
    assert best(PROGRAM._replace(sample=Sample(1.0, 900 * MB), base=0)).coding.codec == RAW


@pytest.mark.parametrize("link", [0.6, 2.5, 12.5, 125])
def test_what_was_compressed_before_is_not_compared_with_its_base(link: float) -> None:
    """zstd passes over it at gigabytes a second, which says nothing about level 19."""
    archive = PROGRAM._replace(
        sample=Sample(1.0, 3000 * MB, 0.97, patch_of(0.97)), link=link * MB, codecs=(*CODECS, PATCH_LZMA)
    )
    assert (best(archive).coding.codec, best(archive).delta) == (RAW, False)


def test_what_does_not_compress_but_is_like_its_base_is_sent_as_a_difference() -> None:
    """Weights of which few changed. High levels are as slow for it as for anything else."""
    weights = PROGRAM._replace(sample=Sample(1.0, 3000 * MB, 0.05), link=2.5 * MB)
    chosen = best(weights)
    assert chosen.delta
    assert chosen.coding.level <= 9


def test_what_is_more_like_its_base_makes_smaller_differences() -> None:
    """And what is hardly like it is not worth one: the content alone is as small."""
    sizes = {}
    for on_base in (0.04, 0.2, 0.36):
        sample = Sample(0.4, 170 * MB, on_base, patch_of(on_base / 2))
        case = PROGRAM._replace(sample=sample, codecs=(*CODECS, PATCH_LZMA, PATCH_ZSTD))
        for option in options(case):
            sizes.setdefault((option.coding, option.delta), []).append(option.bytes)
    for (coding, delta), found in sizes.items():
        assert found == sorted(found), coding
        assert (len(set(found)) == 3) == delta
    unlike = PROGRAM._replace(link=2.5 * MB, sample=Sample(0.4, 170 * MB, 0.4))
    assert best(unlike).bytes > best(unlike._replace(sample=Sample(0.4, 170 * MB, 0.1))).bytes


def patch_of(ratio: float) -> PatchSample:
    return PatchSample(ratio, min(2.5 * ratio, 1.0), 0.02, 0.001, 0.9e-9, 1e-9)


@pytest.mark.parametrize(
    ("link", "codec"), [(0.6, PATCH_LZMA), (2.5, PATCH_LZMA), (12.5, PATCH_ZSTD), (50, PATCH_ZSTD)]
)
def test_the_columns_of_a_patch_are_compressed_as_fast_as_the_link_needs(link: float, codec: str) -> None:
    sample = Sample(0.4, 170 * MB, 0.21, patch_of(0.12))
    case = PROGRAM._replace(sample=sample, link=link * MB, codecs=(*CODECS, PATCH_LZMA, PATCH_ZSTD))
    patches = [option for option in options(case) if option.coding.codec.startswith("patch")]
    assert min(patches, key=lambda option: option.seconds).coding.codec == codec


def test_a_base_that_is_larger_than_older_hosts_take_goes_only_to_those_that_know_patch_zstd() -> None:
    sample = Sample(0.4, 170 * MB, 0.21, patch_of(0.12))
    case = PROGRAM._replace(sample=sample, base=MAX_BASE_BYTES + 1, codecs=(*CODECS, PATCH_LZMA))
    assert PATCH_LZMA not in {option.coding.codec for option in options(case)}
    newer = case._replace(codecs=(*CODECS, PATCH_LZMA, PATCH_ZSTD))
    found = {option.coding.codec for option in options(newer)}
    assert PATCH_ZSTD in found
    assert PATCH_LZMA not in found


def test_fewer_bytes_are_worth_little_more_time() -> None:
    for link in (0.6, 2.5, 12.5, 25):
        case = PROGRAM._replace(link=link * MB)
        fastest = min(option.seconds for option in options(case))
        assert best(case).seconds <= 1.05 * fastest


def test_a_host_is_sent_only_what_it_can_undo() -> None:
    assert best(PROGRAM._replace(codecs=(ZLIB, RAW))).coding.codec == ZLIB
    assert best(PROGRAM._replace(codecs=(RAW,))).coding.codec == RAW


def test_no_delta_of_what_would_take_too_much_memory() -> None:
    case = PROGRAM._replace(size=MAX_DELTA_BYTES, base=1)
    assert not any(option.delta for option in options(case))


@pytest.mark.parametrize(
    ("compression", "delta", "expected"),
    [
        (Coding(ZSTD, 0), None, (ZSTD, True)),
        (Coding(ZSTD, 0), False, (ZSTD, False)),
        (Coding(XZ, 0), None, (XZ, False)),
        (Coding(RAW, 0), False, (RAW, False)),
        (None, True, (ZSTD, True)),
        (None, False, (ZSTD, False)),
    ],
)
def test_what_the_person_asks_for(
    compression: Coding | None, delta: bool | None, expected: tuple[str, bool]
) -> None:
    option = best(PROGRAM, compression=compression, delta=delta)
    assert (option.coding.codec, option.delta) == expected


def test_a_level_that_is_asked_for_is_used() -> None:
    assert best(PROGRAM, compression=Coding(ZSTD, 7)).coding == Coding(ZSTD, 7)


def test_what_is_asked_for_and_not_there_is_no_reason_to_fail() -> None:
    case = PROGRAM._replace(codecs=(ZLIB, RAW), base=0)
    assert best(case, compression=Coding(ZSTD, 3), delta=True).coding.codec == ZLIB


@given(
    st.integers(1, 1 << 40),
    st.floats(0.001, 1),
    st.floats(1e6, 1e10),
    st.floats(1e3, 1e10),
    st.integers(0, 1 << 40),
)
def test_the_best_is_never_slower_than_sending_it_as_it_is_for_nothing(
    size: int, ratio: float, speed: float, link: float, base: int
) -> None:
    case = Case(size, Sample(ratio, speed), base, link, CODECS)
    option = best(case)
    assert option.seconds <= size / link or option.bytes < size
