"""Exit codes, and which error means which. The table is in docs/reference.md; nothing else decides."""

from __future__ import annotations

from relstore.errors import (
    BusyError,
    ConnectError,
    DetachedError,
    ReleaseFailedError,
    RelstoreError,
    RolloutFailedError,
    RolloutPausedError,
    SomeHostsFailedError,
    StuckError,
    TakenOverError,
    UnexpectedError,
    UsageError,
)

DONE = 0
FAILED = 1
USAGE = 2
ROLLED_BACK = 3
SOME_HOSTS_FAILED = 4
BUSY = 5
CANNOT_CONNECT = 6
STUCK = 7
WAITS = 8
UNEXPECTED = 70
OUTPUT_LOST = 74
INTERRUPTED = 130

MEANINGS = {
    DONE: "done",
    FAILED: "failed, and nothing was switched",
    USAGE: "the command line or the configuration is wrong",
    ROLLED_BACK: "the release is not healthy, or cannot be switched to on all of several hosts; what was "
    "switched to it is back",
    SOME_HOSTS_FAILED: "several hosts, and some of them failed, so that they may differ now",
    BUSY: "another activation holds the lock, or another rollout has the hosts",
    CANNOT_CONNECT: "a host cannot be reached, or does not let us in or run the helper",
    STUCK: "the release failed, and going back failed too: the service may be down",
    WAITS: "a rollout waits for a person: `relstore rollout promote` goes on",
    UNEXPECTED: "relstore itself failed: a bug, or this machine has run out of something",
    OUTPUT_LOST: "done, but the output could not be written",
    INTERRUPTED: "interrupted",
}

_BY_KIND: tuple[tuple[type[RelstoreError], int], ...] = (
    (UsageError, USAGE),
    (StuckError, STUCK),
    (ReleaseFailedError, ROLLED_BACK),
    (RolloutFailedError, ROLLED_BACK),
    (SomeHostsFailedError, SOME_HOSTS_FAILED),
    (BusyError, BUSY),
    (TakenOverError, BUSY),
    (RolloutPausedError, WAITS),
    (ConnectError, CANNOT_CONNECT),
    (DetachedError, INTERRUPTED),
    (UnexpectedError, UNEXPECTED),
)


def exit_code(error: RelstoreError) -> int:
    """The code that an error ends the program with."""
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), FAILED)
