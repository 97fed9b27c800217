"""What one executable of a build needs of a host. It only travels; it is stored nowhere.

Not for finding that out (``client.artifact.executables``), nor for asking a host (``host.requests``).
"""

from __future__ import annotations

from typing import NamedTuple


class Executable(NamedTuple):
    """One executable of a build; what is empty does not matter or is not known."""

    path: str
    machine: str
    """As ``uname -m`` says it, ``macos`` or ``windows``."""
    loader: str = ""
    """The dynamic loader's path."""
    interpreter: str = ""
    """What the ``#!`` line names; it ends with a carriage return if the line does."""
