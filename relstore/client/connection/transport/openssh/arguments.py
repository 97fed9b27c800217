"""How ssh(1) is called: the configuration is the person's, and only what a helper's pipe needs is set. Pure.

What is given here comes before ssh_config, where the first value counts. Not for running it (``process``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.client.connection.transport.address import SSHTarget
from relstore.client.connection.transport.patience import KEEPALIVE_COUNT, KEEPALIVE_INTERVAL

_OPTIONS = (
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RequestTTY=no",
    "RemoteCommand=none",
    f"ServerAliveInterval={KEEPALIVE_INTERVAL}",
    f"ServerAliveCountMax={KEEPALIVE_COUNT}",
    # Into a log of its own (-E): how far a login got, and which keys were offered, is not said otherwise.
    "LogLevel=DEBUG1",
)


def arguments(
    target: SSHTarget, command: str, configuration: Sequence[str], log: str, *, prompts: bool
) -> list[str]:
    """What follows ``ssh``. ``target`` has passed ``check_address``; ``prompts``: a person can be asked."""
    words = ["-T", "-a", "-x", "-E", log, *configuration]
    for option in (*_OPTIONS, f"BatchMode={'no' if prompts else 'yes'}"):
        words += ["-o", option]
    if target.user is not None:
        words += ["-l", target.user]
    if target.port is not None:
        words += ["-p", str(target.port)]
    return [*words, "--", target.host, command]
