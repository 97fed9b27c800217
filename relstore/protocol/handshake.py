"""The helper's greeting: the version of the protocol, and what its host can do.

Not for finding that out (``host.hello``).
"""

from __future__ import annotations

from typing import NamedTuple, Optional

VERSION = 5


class Hello(NamedTuple):
    """The helper's first message: who serves, and what the host can do."""

    version: int
    helper: str
    """The relstore version of the helper."""
    python: str
    account: str
    hostname: str
    """Read by nobody; it goes with the next version of the protocol."""
    machine: str
    """``uname -m``."""
    root: str
    """The absolute path of the store, as the host resolves it."""
    exists: bool
    """Whether there is a store; it is made by the first request that writes."""
    noexec: bool
    """Whether the store's file system refuses to execute files."""
    volatile: bool
    """Whether it ignores syncs (overlayfs mounted volatile), so that no promise outlives a power cut."""
    free_bytes: int
    free_inodes: Optional[int]
