"""What a host's result means to the rollout, and a way back to the host's result."""

from __future__ import annotations

from dataclasses import replace

import pytest

from relstore.client.fleet.ending import activated_state, may_return, returned, staged_state
from relstore.client.fleet.result import HostResult, Outcome, from_error, not_begun
from relstore.client.target import Target
from relstore.errors import (
    BusyError,
    ConnectError,
    ConnectionLostError,
    DetachedError,
    HelperError,
    HostKeyError,
    LostJobError,
    RefusedError,
    ReleaseFailedError,
    RelstoreError,
    StuckError,
    SupersededError,
    UnhealthyError,
)
from relstore.formats.names import AppName

WEB1 = Target.parse("web1")
ACTIVE = HostResult(WEB1, "active", AppName("web"), generation=3, previous=2, current=3)


def ended(outcome: Outcome, error: RelstoreError | None = None, current: int = 2) -> HostResult:
    return HostResult(WEB1, outcome, AppName("web"), 3, 2, current, error=error)


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (ended("staged"), "staged"),
        (ended("waiting"), "staged"),
        (ended("unchanged"), "unchanged"),
        (ended("unchanged", UnhealthyError("it is down")), "refused"),
        (not_begun(WEB1, ConnectError("no route")), "unreachable"),
        (not_begun(WEB1, HostKeyError("changed")), "refused"),
        (not_begun(WEB1, HelperError("no python3")), "refused"),
    ],
)
def test_what_a_host_is_in_once_it_was_asked(result: HostResult, state: str) -> None:
    assert staged_state(result) == state


FAILED = ReleaseFailedError("it failed")


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (ended("active", current=3), "active"),
        (ended("unchanged"), "unchanged"),
        (ended("rolled-back", FAILED), "failed"),
        (ended("failed", FAILED), "failed"),
        (ended("interrupted", FAILED), "failed"),
        (ended("interrupted", FAILED, current=3), "stuck"),
        (ended("stuck", StuckError("no way back")), "stuck"),
        (not_begun(WEB1, ConnectError("no route")), "unreachable"),
        (from_error(WEB1, LostJobError("broke off", job="j")), "unknown"),
        (from_error(WEB1, ConnectionLostError("broke off")), "unknown"),
        (from_error(WEB1, DetachedError("left", job="j")), "unknown"),
        (from_error(WEB1, BusyError("another one")), "refused"),
        (from_error(WEB1, RefusedError("on hold")), "refused"),
    ],
)
def test_what_a_host_is_in_after_its_activation(result: HostResult, state: str) -> None:
    assert activated_state(result) == state


def test_only_what_was_switched_from_another_generation_may_return() -> None:
    assert may_return(ACTIVE)
    assert may_return(replace(ACTIVE, error=UnhealthyError("it is down")))
    assert not may_return(replace(ACTIVE, previous=0))
    assert not may_return(replace(ACTIVE, previous=3))
    assert not may_return(ended("rolled-back", FAILED))
    assert not may_return(ended("unchanged"))


@pytest.mark.parametrize(
    ("back", "state", "outcome", "kind"),
    [
        (HostResult(WEB1, "active", current=2), "withdrawn", "withdrawn", None),
        (from_error(WEB1, SupersededError("4 is current")), "superseded", "superseded", SupersededError),
        (from_error(WEB1, RefusedError("on hold")), "active", "active", RefusedError),
        (from_error(WEB1, ConnectError("no route")), "unknown", "active", ConnectError),
        (from_error(WEB1, DetachedError("left", job="j")), "unknown", "active", DetachedError),
        (HostResult(WEB1, "rolled-back", current=3, error=FAILED), "active", "active", ReleaseFailedError),
        (HostResult(WEB1, "stuck", current=3, error=StuckError("x")), "stuck", "active", StuckError),
    ],
)
def test_what_a_way_back_came_to(
    back: HostResult, state: str, outcome: str, kind: type[RelstoreError] | None
) -> None:
    came = returned(ACTIVE, back)
    assert came.state == state
    assert came.result is not None
    assert (came.result.outcome, came.result.generation) == (outcome, 3)
    assert (None if came.result.error is None else type(came.result.error)) is kind


def test_the_first_release_of_a_host_stays() -> None:
    came = returned(replace(ACTIVE, previous=0), None)
    assert (came.state, came.result and came.result.outcome) == ("active", "active")
    assert came.result is not None
    assert came.result.error is not None
    assert "it is the first one of this host" in came.result.error.what


@pytest.mark.parametrize(
    ("result", "state"),
    [
        (ended("rolled-back", FAILED), "failed"),
        (ended("stuck", StuckError("x")), "stuck"),
        (from_error(WEB1, LostJobError("broke off", job="j")), "unknown"),
    ],
)
def test_a_host_that_was_lost_and_did_not_become_active_need_not_go_back(
    result: HostResult, state: str
) -> None:
    assert returned(result, None).state == state
