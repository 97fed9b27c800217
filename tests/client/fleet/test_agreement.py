"""Whether a spec means the same build everywhere: a table of fleets."""

from __future__ import annotations

import pytest

from relstore.client.fleet.agreement import Meaning, check
from relstore.client.target import Target
from relstore.errors import DifferentBuildsError, UsageError
from relstore.formats.names import AppName, Digest
from relstore.protocol import RowOut

WEB = AppName("web")
A, B = Digest("a" * 64), Digest("b" * 64)


def row(number: int, build: Digest, commit: str | None = None, *, dirty: bool = False) -> RowOut:
    return RowOut(number, build, 0, 0, 0, "ada", commit, dirty, "", "good", "active", 0, "", ())


def fleet(*rows: RowOut, app: AppName = WEB) -> list[Meaning]:
    return [
        Meaning(Target.parse(f"web{number}:/srv/web"), app, each) for number, each in enumerate(rows, start=1)
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(1, A)],
        [row(1, A), row(1, A)],
        [row(1, A), row(7, A), row(3, A)],
        [row(1, A, "c" * 40), row(2, A, None)],
    ],
)
def test_one_build_under_whatever_numbers_is_agreed_on(rows: list[RowOut]) -> None:
    check("-1", fleet(*rows))


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, A), row(1, B)],
        [row(1, A), row(1, A), row(2, B)],
        [row(6, B), row(6, A)],
    ],
)
def test_different_builds_under_whatever_numbers_are_refused(rows: list[RowOut]) -> None:
    with pytest.raises(DifferentBuildsError, match="-1 means different builds"):
        check("-1", fleet(*rows))


def test_the_refusal_has_a_table_of_the_hosts() -> None:
    with pytest.raises(DifferentBuildsError) as caught:
        check("42", fleet(row(42, A, "c" * 40), row(42, B, "d" * 40, dirty=True), row(142, B)))
    assert caught.value.what.splitlines() == [
        "42 means different builds at these hosts:",
        "  host           generation  build         commit",
        "  web1:/srv/web  42          aaaaaaaaaaaa  ccccccccc",
        "  web2:/srv/web  42          bbbbbbbbbbbb  ddddddddd+",
        "  web3:/srv/web  142         bbbbbbbbbbbb  -",
    ]
    assert caught.value.state == "Nothing was changed on any of them."
    assert "--each-its-own" in caught.value.hint


def test_stores_with_different_apps_are_told_apart() -> None:
    meanings = [*fleet(row(1, A)), *fleet(row(1, A), app=AppName("api"))]
    with pytest.raises(UsageError, match="different apps: web, api"):
        check("1", meanings)
