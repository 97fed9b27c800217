"""What commits are about, as far as a checkout has them: their subjects, and those between two of them.

The names come from hosts, so whatever is no commit here is passed over. A checkout that cannot say (no git,
no repository, no answer in time, a commit that it lacks) says nothing. Not for which commit a directory is at
(``git``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from relstore.client.artifact import git_program

TIMEOUT = 3.0
"""Seconds that git may take: a report must not wait for what only adorns it."""

_NAME = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_LENGTHS = 40, 64
_PLAIN = ("--no-color", "--no-show-signature", "--no-patch", "--no-mailmap", "--encoding=UTF-8")


@dataclass(frozen=True)
class CommitBetween:
    """A commit that only one of two others has."""

    commit: str
    subject: str
    is_added: bool
    """Whether the later one has it; the earlier one alone has what was taken back."""


@dataclass(frozen=True)
class CommitsBetween:
    """The newest of them first."""

    commits: tuple[CommitBetween, ...]
    is_cut: bool
    """Whether there are more."""


@dataclass(frozen=True)
class Checkout:
    """A directory that may be in a repository, and the environment in which git is asked."""

    directory: Path
    env: Mapping[str, str]
    timeout: float = TIMEOUT

    def subjects(self, commits: Iterable[str | None]) -> dict[str, str]:
        """The first lines of their messages, of those commits that are here."""
        names = {name for name in commits if name and _NAME.fullmatch(name)}
        found: dict[str, str] = {}
        # A repository has names of one length, and another one would make git fail.
        for length in _LENGTHS:
            asked = sorted(name for name in names if len(name) == length)
            if asked:
                # In this order: git looks up what it reads at once.
                command = (
                    "log",
                    "--no-walk=unsorted",
                    "--ignore-missing",
                    "--format=%H%x00%s",
                    *_PLAIN,
                    "--stdin",
                )
                found |= self._pairs(command, "".join(f"{name}\n" for name in asked).encode()) or {}
        return found

    def between(self, before: str | None, after: str | None, most: int) -> CommitsBetween | None:
        """The commits that one of the two has and the other lacks; None unless both are here."""
        if not (before and after and _NAME.fullmatch(before) and _NAME.fullmatch(after)):
            return None
        if len(self.subjects((before, after))) < len({before, after}):
            return None
        command = ("log", "--left-right", f"--max-count={most + 1}", "--format=%m%H%x00%s", *_PLAIN)
        pairs = self._pairs((*command, f"{before}...{after}", "--"))
        if pairs is None:
            return None
        found = [CommitBetween(name[1:], subject, name[0] == ">") for name, subject in pairs.items()]
        return CommitsBetween(tuple(found[:most]), len(found) > most)

    def _pairs(self, command: tuple[str, ...], given: bytes = b"") -> dict[str, str] | None:
        """Names and subjects, in git's order; None where it could not say."""
        try:
            answer = git_program.run(command, self.directory, self.env, self.timeout, given)
        except git_program.GitTimeoutError:
            return None
        if answer is None or not answer.is_success:
            return None
        lines = answer.output.decode("utf-8", "replace").split("\n")
        return {
            name: subject for name, between, subject in (line.partition("\0") for line in lines) if between
        }
