"""Patterns of paths in gitignore's syntax: what of an artifact is left out, or allowed. Pure.

https://git-scm.com/docs/gitignore. Not for the patterns of ``copy``, which name files (``artifact.copies``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relstore.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MAX_PATTERNS = 1000


@dataclass(frozen=True, eq=False)
class IgnorePatterns:
    """Patterns, of which the last that matches a path decides, as in a .gitignore."""

    spec: GitIgnoreSpec

    @classmethod
    def parse(cls, patterns: Sequence[str]) -> IgnorePatterns:
        """Raises UsageError for a pattern that gitignore's syntax does not have, or that never matches."""
        from pathspec import GitIgnoreSpec  # start-up can do without

        if len(patterns) > MAX_PATTERNS:
            raise UsageError(f"has {len(patterns)} patterns; at most {MAX_PATTERNS}")
        for pattern in patterns:
            if "\n" in pattern or "\r" in pattern:
                raise UsageError(f"{pattern!r} has a line break", hint="Write each pattern by itself.")
            if pattern.startswith("#"):
                raise UsageError(
                    f"{pattern!r} is a comment in gitignore's syntax", hint=r"Write \# for a name with #."
                )
            try:
                (compiled,) = GitIgnoreSpec.from_lines([pattern]).patterns
            except (ValueError, re.error):
                compiled = None
            if compiled is None or compiled.include is None:
                raise UsageError(
                    f"{pattern!r} is not a pattern of gitignore's syntax",
                    hint="For example *.map, /cache/ or !keep.map.",
                )
        return cls(GitIgnoreSpec.from_lines(patterns))

    def match(self, path: str, *, is_directory: bool) -> bool:
        """Whether they match the path itself. What is in a directory that matches is for the caller."""
        return self.spec.match_file(path + "/" if is_directory else path)

    def match_below(self, path: str) -> bool:
        """Whether they match the path, as a file or a directory, or a directory that it is in."""
        parts = path.split("/")
        above = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return (
            any(self.match(directory, is_directory=True) for directory in above)
            or self.match(path, is_directory=False)
            or self.match(path, is_directory=True)
        )
