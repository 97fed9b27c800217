"""How units are managed on this host, for rules and advice that the client prints. Reads only."""

from __future__ import annotations

from relstore.host.machine import logind, sudo_path
from relstore.protocol import Supervisor, SupervisorOut


def supervisor(_: Supervisor) -> SupervisorOut:
    """Where systemctl is, and whether the account's own manager outlives its sessions."""
    return SupervisorOut(sudo_path.tool_path("systemctl"), logind.at_logout().lingers)
