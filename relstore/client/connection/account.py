"""What the client must know about the account that runs it; the command layer finds it out.

Not for accounts on hosts (``target``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from relstore.client.connection.head_start import HeadStart
from relstore.client.connection.helper_digest import made_digest
from relstore.client.connection.opening import opening
from relstore.client.connection.shared import SharedState
from relstore.client.local_state.chain_heads import NOTHING, Heads
from relstore.client.ssh_program import OpenSSH


@dataclass(frozen=True)
class Account:
    """The account that relstore runs as, and how it reaches hosts."""

    home: str
    user: str
    agent_path: str | None
    """The value of SSH_AUTH_SOCK."""
    ssh_config_paths: tuple[str, ...]
    connect_timeout: float
    """Seconds."""
    python: str | None
    """The interpreter on the hosts; None: find one."""
    heads: Heads = NOTHING
    """What this machine saw of each store's history."""
    helper_digest: str = ""
    """Of the bundle for hosts, where it is known without making that."""
    openssh: OpenSSH | None = None
    """The program that makes its connections; None: asyncssh does."""
    head_start: HeadStart[Any] = field(default_factory=HeadStart, compare=False, repr=False)
    """Connections that were begun already; what they are is for the transport alone."""
    shared: SharedState = field(default_factory=SharedState, compare=False, repr=False)
    """What its connections have in common."""

    def opening(self, path: str) -> bytes:
        """What starts the helper for the store at ``path`` of any host."""
        return opening(self.python, self.helper_digest or made_digest(), path)
