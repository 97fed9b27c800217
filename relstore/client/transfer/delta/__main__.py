"""The process that makes one patch and writes it to its standard output; ``patch_process`` starts it.

It is a process because it can be stopped at any moment, and because its memory is freed when it ends. Not for
finding covers (``covers``) nor for the bytes of a patch (``patch``).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import numpy as np

from relstore.client.transfer.delta.covers import find
from relstore.client.transfer.delta.patch import Writer

NOTHING_ALIKE = 3
_ALIKE_SHARE = 0.5
"""When less of the new file is covered, another codec is as good, and far faster."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _SMALL_BYTES = 256 * 1024 * 1024, 32 * 1024 * 1024


def main() -> int:
    """Arguments: the old file, the new one, the codec, the level, and where to start."""
    _keep_memory()
    old, new = (np.asarray(np.memmap(path, np.uint8, "r")) for path in sys.argv[1:3])
    codec, level, start = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    covers = find(old, new)
    if covers.size < _ALIKE_SHARE * len(new):
        return NOTHING_ALIKE
    for part in Writer(old, new, covers).write(codec, level, start):
        view = memoryview(part)
        while view:
            view = view[os.write(1, view) :]
    return 0


def _keep_memory() -> None:
    """Have the C library keep freed memory for the next array: asking again takes a fifth of the time.

    mallopt(3), in glibc; elsewhere it is a little slower.
    """
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_MMAP_THRESHOLD, _SMALL_BYTES)


if __name__ == "__main__":
    sys.exit(main())
