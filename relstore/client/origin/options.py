"""What relstore.toml says of an origin. Not for what it can do (``origin``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relstore.client.origin_address import OriginAddress


@dataclass(frozen=True)
class OriginOptions:
    """An origin, and when it is used."""

    address: OriginAddress
    endpoint: str | None = None
    """The S3 API; None for that of the environment, or of AWS."""
    put: tuple[str, ...] | None = None
    """The command that puts a file to an https origin."""
    from_hosts: int | None = None
    """From how many hosts on it is used; None: where it is faster."""
    authorities: str = ""
    """PEM of the only ones to trust; empty for those of each machine."""
    allow_http: bool = False
    patience_s: int = 30
    """Seconds to wait for the next bytes."""
    directory: str | None = None
    """Where the command runs; None for here."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """That of the command."""

    @property
    def label(self) -> str:
        """Names its link, among those of hosts."""
        return f"origin {self.address.text}"
