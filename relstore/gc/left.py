"""What a collection had to leave where it is, and by which command root removes it.

A service under another account may write into its release, and an administrator may mount or lock something
there. That stops nothing else, and is tried again the next time. Not for deciding what goes (``plan``).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import NamedTuple

from relstore.formats.names import as_text
from relstore.store.root import shell_word

_MAX_NAMED = 10
_REASONS = (errno.EACCES, errno.EPERM, errno.EBUSY, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
"""Any other error is one of the disk, and ends the collection."""


class Left(NamedTuple):
    """Something that could not be removed."""

    path: str
    why: str

    @classmethod
    def of(cls, path: str, error: OSError) -> Left:
        """Raises ``error`` itself when it is not about this one thing."""
        if error.errno not in _REASONS:
            raise error
        return cls(path, error.strerror or str(error))


def warnings(left: Sequence[Left]) -> list[str]:
    """One line for each thing, the many cut short."""
    lines = [
        f"{as_text(path)} was left: {why}. As root: rm -rf -- {as_text(shell_word(path))}"
        for path, why in left[:_MAX_NAMED]
    ]
    if len(left) > _MAX_NAMED:
        lines.append(f"{len(left) - _MAX_NAMED} more things were left for the same reasons.")
    return lines
