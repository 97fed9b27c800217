"""The kinds of preflight's findings: the short names by which a person lets one pass.

Most findings are guesses about what would happen, from what a host shows, and the person may know better.
A few are not: with these the host could neither finish an activation nor undo it, and would leave the app
between two generations. They cannot be ignored. Not for finding anything (``host.requests.preflight``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
]
"""What a person may let pass."""

Obstacle = Literal["job-ends-at-logout", "no-systemd", "systemd-silent", "live-too-long"]
"""What nobody may: the job would be ended between the switch and its outcome, or could restart nothing on
either way."""

FindingKind = Literal[Guess, Obstacle]

GUESSES: tuple[Guess, ...] = get_args(Guess)
OBSTACLES: tuple[Obstacle, ...] = get_args(Obstacle)

_MARK = re.compile(r" \[([a-z][a-z-]*)\]\Z")


def marked(what: str, kind: FindingKind) -> str:
    """A finding's sentence with its kind, as every message shows it and as it travels."""
    return f"{what} [{kind}]"


def kind_of(sentence: str) -> str:
    """The kind of a marked sentence; empty without one."""
    match = _MARK.search(sentence)
    return match[1] if match else ""


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
    return f"{word!r} is no kind of preflight finding"
