"""The process that makes one patch and writes it to its standard output; ``patch_process`` starts it.

It is a process because it can be stopped at any moment, and because its memory is freed when it ends. Not for
finding covers (``matcher``) nor for the bytes of a patch (``patch``).
"""

from __future__ import annotations

import gc
import os
import sys

from relstore.client.coding import Coding
from relstore.client.transfer.delta.arrangement import arranged
from relstore.client.transfer.delta.matcher import Matcher, MatcherError, mapped
from relstore.client.transfer.delta.patch import write
from relstore.formats.codecs import PATCH_ZSTD

NO_PATCH = 3
_QUICK = 9
"""Up to this level of zstd, a patch is for a fast link, on which a layout takes longer than it saves."""

_ALIKE_SHARE = 0.3
"""When less of the new file is covered, another codec is as good."""


def main() -> int:
    """Arguments: the old file, the new one, the codec, the level, and where to start."""
    gc.disable()  # this process is short
    coding, start = Coding(sys.argv[3], int(sys.argv[4])), int(sys.argv[5])
    try:
        with mapped(sys.argv[1]) as old, mapped(sys.argv[2]) as new:
            with Matcher(old) as matcher:
                covers = matcher.find(new)
            if covers.size < _ALIKE_SHARE * len(new):
                return NO_PATCH
            layout = None
            if with_layout(coding):
                covers, layout = arranged(matcher, old, new, covers)
            for part in write(matcher, new, covers, coding, start, layout=layout):
                view = memoryview(part)
                while view:
                    view = view[os.write(1, view) :]
    except (MatcherError, MemoryError):
        return NO_PATCH
    return 0


def with_layout(coding: Coding) -> bool:
    """Whether a layout is worth its time."""
    return coding.codec != PATCH_ZSTD or coding.level > _QUICK


if __name__ == "__main__":
    sys.exit(main())
