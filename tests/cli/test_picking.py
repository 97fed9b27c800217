"""What there is to choose from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from relstore.cli.picking import PickableBuild, choices
from relstore.formats.names import Digest
from relstore.protocol import RowOut


def row(number: int, build: str, state: str) -> RowOut:
    return RowOut(number, Digest(build * 64), 1, 1, 1, "ada", None, False, "", state, "", 0, "", ())


def host(*builds_and_states: str) -> list[RowOut]:
    """Generations from 1 on, each as ``a good``."""
    return [row(number, *each.split()) for number, each in enumerate(builds_and_states, 1)]


ONE = host("a good", "b failed", "c good", "d current", "a good", "f never-active", "0 deleted")


@pytest.mark.parametrize(
    ("hosts", "back", "numbers"),
    [
        ([ONE], False, ["1", "2", "3", "4", "5", "6"]),
        ([ONE], True, ["1", "3", "4"]),
        ([host("a good", "b good")], True, ["1", "2"]),
        ([host("a failed", "b current")], True, ["2"]),
        ([[]], True, []),
        # Builds that only one of the hosts has cannot be meant; one with two generations is its newest.
        ([ONE, host("a good", "c current")], False, ["3, 2", "5, 1"]),
        ([ONE, host("c good", "d current")], True, ["3, 1", "4, 2"]),
        ([ONE, host("c failed", "d current")], True, ["4, 2"]),
        ([ONE, ONE], False, ["2", "3", "4", "5", "6"]),
        ([ONE, []], False, []),
    ],
)
def test_what_there_is_to_choose_from(
    hosts: Sequence[Sequence[RowOut]], back: bool, numbers: list[str]
) -> None:
    assert [choice.numbers for choice in choices(hosts, back=back)] == numbers


def test_what_is_typed_and_what_the_hosts_are_asked() -> None:
    one = PickableBuild((row(12, "a", "good"),))
    assert (one.spec, one.is_meant_by("12"), one.is_meant_by("1"), one.is_meant_by("")) == (
        "12",
        True,
        False,
        False,
    )
    assert (one.is_meant_by("aaaaaa"), one.is_meant_by("aaaaa"), one.is_meant_by("aaaaaab")) == (
        True,
        False,
        False,
    )
    two = PickableBuild((row(12, "a", "good"), row(9, "a", "current")))
    assert (two.spec, two.numbers, two.is_current) == ("a" * 64, "12, 9", False)
    assert (two.is_meant_by("12"), two.is_meant_by("12, 9"), two.is_meant_by("aaaaaaa")) == (
        False,
        True,
        True,
    )
