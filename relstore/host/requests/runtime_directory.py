"""Fills in what only the host knows of a recipe: where the sockets of the units lie.

Before anything reads it or keeps it, so that a job that is taken up later finds the path that was used.
"""

from __future__ import annotations

import os
from typing import Any

from relstore.protocol import Activate, CheckHost, Inspect, Preflight, Restart

_SYSTEM = "/run"


def filled_in(request: Any) -> Any:
    """``request``, with the runtime directory of the manager that its recipe's units belong to."""
    if not isinstance(request, (Activate, CheckHost, Inspect, Preflight, Restart)):
        return request
    units = request.recipe.units
    runtime = f"/run/user/{os.geteuid()}" if units.user else _SYSTEM
    return request._replace(recipe=request.recipe.on_host(runtime))
