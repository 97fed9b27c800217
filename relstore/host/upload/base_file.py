"""An object of the store as the base of a patch: a file of which parts are read when they are needed.

It needs neither memory for the whole base nor ``mmap``, which Debian's python3-minimal does not have. Not for
zstd, which needs its base mapped (``receiving``).
"""

from __future__ import annotations

import os
from typing import Protocol, Union

from relstore.errors import DamagedError


class PatchBase(Protocol):
    """Bytes of which parts can be taken."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Union[bytes, memoryview]: ...


class BaseFile:
    """The ``size`` bytes of an open file."""

    def __init__(self, fd: int, size: int) -> None:
        self._fd, self._size = fd, size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice, /) -> bytes:
        """Raises DamagedError for a file that has become shorter, and OSError."""
        start, stop, _ = part.indices(self._size)
        data = os.pread(self._fd, stop - start, start)
        if len(data) != stop - start:
            raise DamagedError("the base has become shorter")
        return data
