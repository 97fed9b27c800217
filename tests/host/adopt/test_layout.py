"""Which old releases are taken."""

from __future__ import annotations

import pytest

from relstore.errors import NotFoundError, RefusedError
from relstore.formats.adoption import CAPISTRANO
from relstore.host.adopt.layout import Layout, OldRelease, chosen, ordered


def layout(*, running: str = "c", broken: str = "") -> Layout:
    releases = ordered(
        [
            OldRelease(
                name, f"/r/{name}", number, None, "", False, problem="broken" if name in broken else ""
            )
            for number, name in enumerate("abcde")
        ]
    )
    return Layout(CAPISTRANO, "/r/current", releases, f"/r/{running}")


@pytest.mark.parametrize(
    ("good", "last", "running", "broken", "taken"),
    [
        ((), 5, "c", "", "abcde"),
        ((), 2, "c", "", "cde"),
        ((), 0, "c", "", "c"),
        ((), 2, "e", "", "cde"),
        (("a",), 1, "e", "", "ade"),
        (("a",), 0, "e", "", "ae"),
        ((), 2, "c", "de", "abc"),
        ((), 9, "e", "abcd", "e"),
    ],
)
def test_the_live_one_the_good_ones_and_the_last(
    good: tuple[str, ...], last: int, running: str, broken: str, taken: str
) -> None:
    releases = chosen(layout(running=running, broken=broken), good, last)
    assert "".join(release.name for release in releases) == taken
    assert [release.name for release in releases if release.is_good] == sorted({running, *good})


def test_a_good_one_that_there_is_not() -> None:
    with pytest.raises(NotFoundError, match="no release 'z'"):
        chosen(layout(), ("z",), 5)


def test_the_live_one_is_broken() -> None:
    with pytest.raises(RefusedError, match="live release c cannot be adopted: broken"):
        chosen(layout(broken="c"), (), 5)
