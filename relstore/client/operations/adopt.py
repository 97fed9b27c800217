"""Having a host adopt what another tool deployed there, and give it back."""

from __future__ import annotations

from typing import NamedTuple

from relstore import protocol
from relstore.client.connection.session import Session, rows
from relstore.client.reporter import Reporter
from relstore.protocol import Adopted, AdoptedOut


class AdoptionReport(NamedTuple):
    """What was adopted, or would be."""

    adopted: Adopted
    releases: list[AdoptedOut]


async def adopt(session: Session, request: protocol.Adopt, reporter: Reporter) -> AdoptionReport:
    """Shows how far the host is while it reads and imports."""
    async for event, body in session.follow_with_body(request, Adopted):
        if isinstance(event, Adopted):
            return AdoptionReport(event, rows(body, AdoptedOut))
        if isinstance(event, protocol.Step):
            reporter.count(session.label, event.name, event.done, event.total)
    raise RuntimeError("a conversation about an adoption ended without its reply")
