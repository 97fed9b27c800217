"""The process that makes one patch and writes it to its standard output.

A process, since it can be stopped at any moment, and since its memory goes back with it. ``patch_process``
starts it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import numpy as np

from relstore.client.transfer.delta import covers
from relstore.client.transfer.delta.patch import Writer

NOTHING_ALIKE = 3
_ALIKE_SHARE = 0.5
"""Of the new file, that has to be covered: below it another way is as good, and far quicker."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _SMALL_BYTES = 256 * 1024 * 1024, 32 * 1024 * 1024


def main() -> int:
    """Arguments: the old file, the new one, the codec, the level, and where to start."""
    _keep_memory()
    old, new = (np.asarray(np.memmap(path, np.uint8, "r")) for path in sys.argv[1:3])
    codec, level, start = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    found = covers.find(old, new)
    if found.size < _ALIKE_SHARE * len(new):
        return NOTHING_ALIKE
    for part in Writer(old, new, found).write(codec, level, start):
        view = memoryview(part)
        while view:
            view = view[os.write(1, view) :]
    return 0


def _keep_memory() -> None:
    """Have the C library keep what was freed, for the next array: asking for it anew takes a fifth of it all.

    mallopt(3), of glibc; elsewhere it is a little slower.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _SMALL_BYTES)


if __name__ == "__main__":
    sys.exit(main())
