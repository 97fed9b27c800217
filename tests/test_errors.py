"""What errors carry besides their texts."""

from __future__ import annotations

import pytest

from relstore import errors
from relstore.protocol.common import Failure


def test_the_first_host_that_an_error_is_marked_with_counts() -> None:
    error = errors.DetachedError("asked the host to cancel job 1", job="1")
    assert error.on("deploy@web1").on("deploy@web2") is error
    assert (error.host, error.what, str(error)) == (
        "deploy@web1",
        error.what,
        "asked the host to cancel job 1",
    )


def test_facts_stay_behind_when_an_error_crosses_the_wire() -> None:
    error = errors.ReleaseFailedError("it failed", app="web", generation=3, state="Down.", hint="Fix it.")
    failure = Failure.of(error.on("web1"))
    assert failure == ("ReleaseFailedError", "it failed", "Down.", "Fix it.")
    received = failure.error()
    assert isinstance(received, errors.ReleaseFailedError)
    assert (received.app, received.generation, received.host) == ("", 0, "")


@pytest.mark.parametrize("kind", list(errors.WIRE_KINDS))
def test_an_error_of_a_host_says_what_holds_now_and_what_to_do(kind: str) -> None:
    """Even where it is raised without saying so; those that are left out always say it themselves."""
    if kind in ("RelstoreError", "UsageError", "ReleaseFailedError", "UnexpectedError"):
        return
    error = errors.from_wire(kind, "it failed", "", "")
    assert error.state.endswith(".")
    assert error.hint
    own = errors.from_wire(kind, "it failed", "All is lost.", "Start again.")
    assert (own.state, own.hint) == ("All is lost.", "Start again.")
