"""How units are managed on this host, for rules and advice that the client prints. Reads only."""

from __future__ import annotations

import os
import sys

from relstore.host.machine import logind, sudo_path
from relstore.protocol import Supervisor, SupervisorOut


def supervisor(_: Supervisor) -> SupervisorOut:
    """Where systemctl and this Python are, and whether the account's own manager outlives its sessions."""
    python = sys.executable if sys.executable and os.path.isabs(sys.executable) else None
    return SupervisorOut(sudo_path.tool_path("systemctl"), logind.at_logout().lingers, python)
