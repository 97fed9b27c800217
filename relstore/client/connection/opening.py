"""What the helper's command line reads first: the same for each run against a store, so that ssh can carry it
while the rest of relstore is still being loaded.

Light to import. Not for what follows it (``bootstrap``).
"""

from __future__ import annotations

import os
from functools import cache

import relstore

_STAGE = "remote_stage.py"


def opening(python: str | None, digest: str, path: str) -> bytes:
    """For the store at ``path``.

    ``digest``: of the helper's bundle; ``python``: the interpreter, None: find one.
    """
    stage = stage_source()
    root = os.fsencode(path).hex()
    return f"{python or ''}\n{len(stage):08d}\n".encode() + stage + f"{digest} {root}\n".encode()


@cache
def stage_source() -> bytes:
    """The source of the first code that runs on the host."""
    loader = relstore.__spec__.loader if relstore.__spec__ else None
    read = getattr(loader, "get_data", None)
    if read is None:
        raise RuntimeError(f"relstore cannot read its own files with {loader!r}")
    source: bytes = read(os.path.join(relstore.__path__[0], _STAGE))
    return source
