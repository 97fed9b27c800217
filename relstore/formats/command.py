"""A command of the deployer's, a plain value in a recipe. Not for running it (``host.service.commands``)."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command of the deployer's that runs on the host."""

    words: tuple[str, ...]
    timeout: int
    """Seconds."""
