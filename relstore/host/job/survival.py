"""How a job outlives the session that starts it: what this host needs for that, and what a job has.

Where systemd is at hand a job gets a scope of its own, outside the login session that logind may end. What is
best is decided in ``choose``, from what was found out. Not for starting a job (``start``).
"""

from __future__ import annotations

import os

from relstore.errors import RefusedError
from relstore.host.machine import logind
from relstore.host.machine.logind import Logout

SESSION = "nohup"
"""A session of its own, in which a hangup is ignored. Called after the program that does the same."""
SCOPE = "systemd-run"
USER_SCOPE = "systemd-run --user"


def choose(*, systemd: bool, root: bool, logout: Logout) -> str:
    """The way to start a job that survives. Raises RefusedError where none does."""
    if systemd and root:
        return SCOPE
    if not (systemd and logout.kills):
        return SESSION
    if logout.lingers:
        return USER_SCOPE
    raise RefusedError(
        f"this host ends all processes of {logout.account} when its last session ends, and so would end the "
        "activation when the connection drops",
        state="Nothing was switched.",
        hint=f"Once, as root there: loginctl enable-linger {logout.account}",
    )


def method() -> str:
    """``choose`` for this session of this host."""
    return choose(systemd=logind.is_systemd_here(), root=os.geteuid() == 0, logout=logind.at_logout())


def seen_method() -> str:
    """How this process, a job, is kept alive, by where it is."""
    place = logind.cgroup()
    if "/relstore-" not in place:
        return SESSION
    return USER_SCOPE if "/user@" in place else SCOPE
