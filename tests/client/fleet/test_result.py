"""What a host recorded becomes a result, with an error that says what to do."""

from __future__ import annotations

from typing import get_args

import pytest

from relstore.client.fleet.result import Recorded, from_ended, from_error
from relstore.client.target import Target
from relstore.errors import ConnectError, ReleaseFailedError, StuckError, UnhealthyError
from relstore.formats import journal
from relstore.formats.names import AppName
from relstore.protocol import Ended

TARGET = Target.parse("deploy@web1:/srv/web")
WEB = AppName("web")


def ended(outcome: str) -> Ended:
    return Ended(None, outcome, 3, 2, 2, "exit code 1\nand more")


def test_the_recorded_outcomes_are_those_of_the_journal_and_unchanged() -> None:
    assert set(get_args(Recorded)) == {*journal.OUTCOMES, "unchanged"}


@pytest.mark.parametrize("outcome", ["active", "unchanged"])
def test_a_host_that_runs_what_was_asked_for_is_done(outcome: str) -> None:
    result = from_ended(TARGET, WEB, ended(outcome))
    assert (result.outcome, result.app, result.done, result.error) == (outcome, WEB, True, None)


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        ("rolled-back", "generation 3 failed and the host went back: exit code 1\nand more"),
        ("stuck", "generation 3 failed, and going back failed too: exit code 1\nand more"),
        ("failed", "generation 3 was not activated: exit code 1\nand more"),
        ("interrupted", "the activation of generation 3 did not complete: exit code 1"),
    ],
)
def test_a_failure_has_an_error_of_its_host(outcome: str, what: str) -> None:
    result = from_ended(TARGET, WEB, ended(outcome))
    assert result.error is not None
    assert (result.outcome, result.done) == (outcome, False)
    assert (result.error.host, result.error.what) == ("deploy@web1", what)


@pytest.mark.parametrize("outcome", ["rolled-back", "stuck"])
def test_a_failed_release_is_named_in_the_error(outcome: str) -> None:
    error = from_ended(TARGET, WEB, ended(outcome)).error
    assert isinstance(error, ReleaseFailedError)
    assert (error.app, error.generation) == (WEB, 3)


def test_a_host_that_could_not_go_back_is_told_apart() -> None:
    assert type(from_ended(TARGET, WEB, ended("stuck")).error) is StuckError
    assert type(from_ended(TARGET, WEB, ended("rolled-back")).error) is ReleaseFailedError
    restarted = ended("stuck")._replace(previous=3, current=3)
    assert type(from_ended(TARGET, WEB, restarted).error) is UnhealthyError


def test_an_unknown_outcome_is_an_error() -> None:
    result = from_ended(TARGET, WEB, ended("melted"))
    assert result.outcome == "error"
    assert result.error is not None
    assert "'melted'" in result.error.what


def test_an_error_keeps_the_host_that_it_was_first_marked_with() -> None:
    result = from_error(TARGET, ConnectError("no route to host").on("bastion"))
    assert result.error is not None
    assert result.error.host == "bastion"
