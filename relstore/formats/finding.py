"""The kinds of findings of preflight and of `relstore check`, by which a person lets one pass.

Most findings are guesses about what would happen, from what a host shows, and the person may know better.
A few are not: with these the host could neither finish an activation nor undo it, and would leave the app
between two generations. They cannot be ignored. Not for finding anything (``host.requests.preflight``,
``host.requests.host_check``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from relstore.errors import UsageError

Guess = Literal[
    "program-machine",
    "program-loader",
    "program-interpreter",
    "program-line-ending",
    "unit-not-loaded",
    "unit-changed",
    "unit-runs-other",
    "unit-not-restarted",
    "unit-needs-root",
    "unit-ends-at-logout",
    "sudo-refuses",
    "store-unreachable",
    "store-hidden",
    "selinux",
    "socket-not-shared",
    "socket-blocks",
    "link-target-missing",
    "link-target-kind",
    "link-target-refuses",
    "haproxy-silent",
    "haproxy-backend",
    "store-noexec",
    "disk-full",
    "journal-closed",
    "clock-differs",
    "origin-unreachable",
]
"""What a person may let pass. The last five are found by `relstore check` alone."""

Obstacle = Literal["job-ends-at-logout", "no-systemd", "systemd-silent", "live-too-long"]
"""What nobody may: the job would be ended between the switch and its outcome, or could restart nothing on
either way."""

Barrier = Literal["host-unreachable", "host-key", "helper-not-started", "store-unusable"]
"""What only `relstore check` reports as a finding: any other command ends with it."""

FindingKind = Literal[Guess, Obstacle, Barrier]

Aspect = Literal[
    "login", "python", "clock", "store", "room", "origin", "unit", "sudo", "linger", "journal", "front"
]
"""What `relstore check` looks at, in the order in which one depends on the other."""

GUESSES: tuple[Guess, ...] = get_args(Guess)
OBSTACLES: tuple[Obstacle, ...] = get_args(Obstacle)
BARRIERS: tuple[Barrier, ...] = get_args(Barrier)
ASPECTS: tuple[Aspect, ...] = get_args(Aspect)

_ASPECT_OF: Mapping[str, Aspect] = {
    "host-unreachable": "login",
    "host-key": "login",
    "helper-not-started": "python",
    "clock-differs": "clock",
    "store-unusable": "store",
    "store-noexec": "store",
    "store-unreachable": "store",
    "store-hidden": "store",
    "selinux": "store",
    "disk-full": "room",
    "origin-unreachable": "origin",
    "unit-needs-root": "sudo",
    "sudo-refuses": "sudo",
    "unit-ends-at-logout": "linger",
    "job-ends-at-logout": "linger",
    "journal-closed": "journal",
    "live-too-long": "front",
    "socket-not-shared": "front",
    "socket-blocks": "front",
    "haproxy-silent": "front",
    "haproxy-backend": "front",
}

_MARK = re.compile(r" \[([a-z][a-z-]*)\]\Z")


def marked(what: str, kind: FindingKind) -> str:
    """A finding's sentence with its kind, as every message shows it and as it travels."""
    return f"{what} [{kind}]"


def kind_of(sentence: str) -> str:
    """The kind of a marked sentence; empty without one."""
    match = _MARK.search(sentence)
    return match[1] if match else ""


def aspect_of(kind: str) -> Aspect:
    """What a finding of that kind is about; all that are about nothing else are about the unit."""
    return _ASPECT_OF.get(kind, "unit")


def parse_guesses(words: Sequence[str]) -> tuple[Guess, ...]:
    """The kinds that a person lets pass. Raises UsageError for any that cannot be."""
    chosen: list[Guess] = []
    for word in dict.fromkeys(words):
        guess = next((guess for guess in GUESSES if guess == word), None)
        if guess is None:
            raise UsageError(_refusal(word), hint=f"These can be ignored: {', '.join(GUESSES)}.")
        chosen.append(guess)
    return tuple(chosen)


def _refusal(word: str) -> str:
    if word in OBSTACLES:
        return (
            f"{word} cannot be ignored: the host could neither finish the activation nor return to the "
            "previous generation"
        )
    if word in BARRIERS:
        return f"{word} cannot be ignored: nothing could be done at the host"
    return f"{word!r} is no kind of preflight finding"
