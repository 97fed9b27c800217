"""What lies on a host before relstore: the releases of another tool, and the path that leads to the live one.

Not for finding them (``versions``, ``releases``, ``find``), nor for reading their files (``old_tree``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from relstore.errors import NotFoundError, RefusedError
from relstore.formats.adoption import LayoutKind

_COMMIT = re.compile(r"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")


class OldRelease(NamedTuple):
    """One release of the other tool: a directory, or a single file."""

    name: str
    """What people call it."""
    path: str
    """Absolute, with no symlink on the way to it."""
    created: int
    """Seconds since 1970, as exactly as the layout tells."""
    commit: str | None
    who: str
    """Empty where nothing says who deployed it."""
    is_good: bool
    """Whether something says that it served well."""
    blake2b: str = ""
    """The digest that the layout has of the file (b2sum); empty without one."""
    problem: str = ""
    """Why it cannot be taken; empty when it can."""


class Layout(NamedTuple):
    """The releases, oldest first, and what leads to the one that is live."""

    kind: LayoutKind
    live: str
    """The path that the service uses: a symlink, or the directory itself. Absolute."""
    releases: tuple[OldRelease, ...]
    running: str
    """The path of the release that ``live`` leads to."""
    program: str = ""
    """The name of the file, where a release is a single file."""


def chosen(layout: Layout, good: Collection[str], last: int) -> list[OldRelease]:
    """The releases to take, oldest first: the live one, the ``good`` ones, and the ``last`` others.

    Raises NotFoundError for a ``good`` name that there is not, RefusedError where the live one is unfit.
    """
    names = {release.name for release in layout.releases}
    unknown = sorted(set(good) - names)
    if unknown:
        raise NotFoundError(
            f"there is no release {unknown[0]!r} in {os.path.dirname(layout.running)}",
            state="Nothing was changed.",
            hint=f"It has {', '.join(sorted(names)[-5:])}.",
        )
    taken = []
    for release in layout.releases:
        if release.path == layout.running:
            if release.problem:
                raise RefusedError(
                    f"the live release {release.name} cannot be adopted: {release.problem}",
                    state="Nothing was changed.",
                    hint="Deploy it once more in the old way, or start with `relstore push`.",
                )
            taken.append(release._replace(is_good=True))
        elif not release.problem:
            taken.append(release._replace(is_good=release.is_good or release.name in good))
    others = [release for release in taken if release.path != layout.running and release.name not in good]
    kept = {release.path for release in (others[-last:] if last else [])}
    return [
        release
        for release in taken
        if release.path == layout.running or release.name in good or release.path in kept
    ]


def ordered(releases: Sequence[OldRelease]) -> tuple[OldRelease, ...]:
    """Oldest first; of one second in the order of their names."""
    return tuple(sorted(releases, key=lambda release: (release.created, release.name)))


def commit_in(text: str) -> str | None:
    """The commit that ``text`` is, or None."""
    word = text.strip()
    return word if _COMMIT.match(word) else None


def small_text(path: str, limit: int = 1 << 20) -> str:
    """What a small file of the other tool says; empty where it cannot be read, or is no regular file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with open(fd, "rb") as file:
        try:
            return file.read(limit).decode("utf-8", "replace")
        except OSError:
            return ""


def utc(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Seconds since 1970 of a time in UTC."""
    # Counted in years that begin in March, so that the leap day is the last one.
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
