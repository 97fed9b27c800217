"""How many hosts go together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relstore.client.config.share import Share
from relstore.client.rollout.waves import waves


def percent(*numbers: int) -> list[Share]:
    return [Share(number, is_percent=True) for number in numbers]


@pytest.mark.parametrize(
    ("hosts", "canary", "upto", "batch", "expected"),
    [
        (0, Share(1), [], None, []),
        (1, Share(1), [], None, [1]),
        (5, Share(1), [], None, [1, 4]),
        (5, Share(0), [], None, [5]),
        (40, Share(1), percent(10, 50, 100), None, [1, 3, 16, 20]),
        (200, Share(5, is_percent=True), percent(10, 50, 100), None, [10, 10, 80, 100]),
        # A percentage of few is rounded up: one of three, and a wave that is full already is none.
        (3, Share(1), percent(10, 50, 100), None, [1, 1, 1]),
        (2, Share(5, is_percent=True), percent(1), None, [1, 1]),
        (10, Share(0), percent(0, 50), None, [1, 4, 5]),
        (10, Share(3), [Share(2), Share(5), Share(99)], None, [3, 2, 5]),
        (10, Share(50), percent(10), None, [10]),
        (11, Share(1), [], Share(5), [1, 5, 5]),
        (12, Share(1), [], Share(5), [1, 5, 5, 1]),
        (12, Share(0), [], Share(10, is_percent=True), [2, 2, 2, 2, 2, 2]),
        (3, Share(1), [], Share(0), [1, 1, 1]),
    ],
)
def test_sizes(
    hosts: int, canary: Share, upto: list[Share], batch: Share | None, expected: list[int]
) -> None:
    assert [len(wave) for wave in waves(range(hosts), canary, upto, batch)] == expected


def test_a_group_may_be_the_canary() -> None:
    assert waves([4, 2, 7, 9], {7, 2, 5}, percent(100)) == ((2, 7), (4, 9))
    assert waves([4, 9], {5}, percent(50)) == ((4,), (9,))


SHARES = st.builds(Share, st.integers(0, 120), st.booleans())


@given(
    st.lists(st.integers(0, 60), unique=True),
    SHARES | st.frozensets(st.integers(0, 60)),
    st.lists(SHARES, max_size=5),
    st.none() | SHARES,
)
def test_every_host_is_in_exactly_one_wave(
    hosts: list[int], canary: Share | frozenset[int], upto: list[Share], batch: Share | None
) -> None:
    found = waves(hosts, canary, upto, batch)
    assert sorted(host for wave in found for host in wave) == sorted(hosts)
    assert all(found)
    if isinstance(canary, Share):
        assert [host for wave in found for host in wave] == hosts
