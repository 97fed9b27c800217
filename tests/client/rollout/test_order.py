"""In which order hosts get their turn."""

from __future__ import annotations

import pytest

from relstore.client.rollout.order import OrderedHost, arranged, of_group
from relstore.errors import UsageError

WEB = [
    OrderedHost("web1", ("eu",)),
    OrderedHost("web2", ("us",)),
    OrderedHost("web3", ("eu", "canary")),
    OrderedHost("web4"),
]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([], [0, 1, 2, 3]),
        (["*"], [0, 1, 2, 3]),
        (["canary", "eu", "*"], [2, 0, 1, 3]),
        (["web4", "us"], [3, 1, 0, 2]),
        (["*", "eu"], [1, 3, 0, 2]),
        (["eu", "eu", "web1"], [0, 2, 1, 3]),
        (["us", "*", "canary"], [1, 0, 3, 2]),
    ],
)
def test_groups_and_hosts_come_in_the_order_of_the_words(order: list[str], expected: list[int]) -> None:
    assert arranged(WEB, order) == expected


def test_a_word_that_names_nothing_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="'asia' is neither a host nor a group"):
        arranged(WEB, ["asia", "*"])


def test_a_word_names_a_host_or_all_of_a_group() -> None:
    assert of_group(WEB, "eu") == {0, 2}
    assert of_group(WEB, "web2") == {1}
    assert of_group(WEB, "asia") == frozenset()
