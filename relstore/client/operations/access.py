"""How an operation reaches hosts, and who is told how it goes.

Not for making the connection (``connection.connect``).
"""

from __future__ import annotations

from dataclasses import dataclass

from relstore.client.connection.account import Account
from relstore.client.operations.interrupt import Interrupts
from relstore.client.reporter import Reporter
from relstore.client.target import Target


@dataclass(frozen=True)
class Access:
    """How hosts are reached, and who is told."""

    account: Account
    reporter: Reporter
    interrupts: Interrupts

    def to(self, target: Target) -> HostAccess:
        return HostAccess(target, self.account, self.reporter, self.interrupts)


@dataclass(frozen=True)
class HostAccess:
    """A host, how to reach it, and who is told."""

    target: Target
    account: Account
    reporter: Reporter
    interrupts: Interrupts
