"""What the client must know of the account that runs it. The command layer finds it out and passes it in."""

from __future__ import annotations

from dataclasses import dataclass

from relstore.client.local_state.chain_heads import NOTHING, Heads


@dataclass(frozen=True)
class Account:
    """The account that relstore runs as, and how it reaches hosts."""

    home: str
    user: str
    agent_path: str | None
    """SSH_AUTH_SOCK."""
    ssh_config_paths: tuple[str, ...]
    connect_timeout: float
    """Seconds."""
    python: str | None
    """The interpreter on the hosts; None: find one."""
    heads: Heads = NOTHING
    """What was seen of each store's past."""
