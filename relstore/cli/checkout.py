"""The checkout that knows what the commits of generations are about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from relstore.cli.invocation import Invocation
from relstore.client.config.keys.release import ARTIFACT

if TYPE_CHECKING:
    from relstore.client.artifact.git_log import Checkout


def checkout_of(invocation: Invocation) -> Checkout:
    """The one that a push takes its commit from; without an artifact, that around relstore.toml or us."""
    from relstore.client.artifact.git_log import Checkout  # not at the top: few commands ask git

    artifact = invocation.settings.get(ARTIFACT)
    if artifact is not None and os.path.exists(artifact):
        real = Path(os.path.realpath(artifact))
        return Checkout(real if real.is_dir() else real.parent, os.environ)
    config = invocation.config.path
    return Checkout(config.parent if config is not None else Path(), os.environ)
