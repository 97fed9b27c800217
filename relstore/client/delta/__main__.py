"""The process that makes one patch and writes it to its standard output.

A process, since it can be stopped at any moment, and since its memory goes back with it. ``client.patching``
starts it.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from relstore.client.delta import covers
from relstore.client.delta.patch import Writer

NOTHING_ALIKE = 3
_ALIKE_SHARE = 0.5
"""Of the new file, that has to be covered: below it another way is as good, and far quicker."""


def main() -> int:
    """Arguments: the old file, the new one, the codec, the level, and where to start."""
    old, new = (np.fromfile(path, np.uint8) for path in sys.argv[1:3])
    codec, level, start = sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    found = covers.find(old, new)
    if found.size < _ALIKE_SHARE * len(new):
        return NOTHING_ALIKE
    for part in Writer(old, new, found).write(codec, level, start):
        view = memoryview(part)
        while view:
            view = view[os.write(1, view) :]
    return 0


if __name__ == "__main__":
    sys.exit(main())
