"""Errors of several hosts: those with the same reason are one."""

from __future__ import annotations

import pytest

from relstore.cli.reasons import by_reason
from relstore.errors import ConnectError, RelstoreError


def failed(host: str, what: str, *, state: str = "", hint: str = "") -> tuple[str, RelstoreError]:
    return host, RelstoreError(what, state=state, hint=hint).on(f"deploy@{host}.example.org")


def test_what_differs_from_host_to_host_is_no_other_reason() -> None:
    what = (
        "generation {0} failed: web{0}.example.org:8080: status 503, last of {0} attempts in 3{0}.0 s\n"
        "log of web{0}: oops"
    )
    errors = [
        failed(
            f"web{number}",
            what.format(number),
            state=f"Generation {number - 1} is current, as before.",
            hint=f"`relstore show {number}` keeps the reason.",
        )
        for number in (7, 9, 30)
    ]
    (error,) = by_reason(errors)
    assert error.what.startswith("3 hosts, same reason: web7, web9, web30; on web7: generation 7 failed")
    assert error.what.endswith("log of web7: oops")
    assert error.state == "Generation 6 is current, as before."
    assert error.hint == "`relstore show 7` keeps the reason."


def test_where_all_say_the_same_no_host_is_named_apart() -> None:
    (error,) = by_reason([failed("web1", "no answer within 10 s"), failed("web2", "no answer within 10 s")])
    assert error.what == "2 hosts, same reason: web1, web2: no answer within 10 s"


@pytest.mark.parametrize("other", ["status 500", "generation 7 failed: port 8081", "generation 7 stays"])
def test_another_reason_stands_alone(other: str) -> None:
    errors = by_reason([failed("web1", "generation 7 failed: port 8080"), failed("web2", other)])
    assert [error.host for error in errors] == ["deploy@web1.example.org", "deploy@web2.example.org"]


def test_another_kind_of_error_stands_alone() -> None:
    lost = ConnectError("no answer").on("web2")
    assert len(by_reason([failed("web1", "no answer"), ("web2", lost)])) == 2
    assert by_reason([]) == []
