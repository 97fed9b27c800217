"""What errors carry besides their texts."""

from __future__ import annotations

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
