"""Asking a host whether it can fetch from the origin. Not for what else it is asked (``host_check``)."""

from __future__ import annotations

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.origin.origin import Origin
from relstore.client.reporter import SILENT
from relstore.protocol import Problem

_SAMPLE = b"relstore\n"
"""What is put there for it, once."""
_SPEED = 1e6


async def origin_problem(session: Session, origin: Origin) -> Problem | None:
    """What keeps this host from fetching; None when nothing does."""
    placed = await origin.placed("check", lambda: iter([_SAMPLE]), _SPEED, SILENT)
    request = await origin.request(placed, 0.0, SILENT) if placed is not None else None
    name = origin.options.address.text
    if placed is None or request is None:
        return Problem.of(
            "origin-unreachable",
            f"this machine cannot use the origin {name}: {origin.failure}",
            "Pushes go over the uplink. docs/origin.md says what an origin needs.",
        )
    answer, _ = await session.ask(protocol.CheckOrigin(request, placed.digests), protocol.OriginChecked)
    if not answer.why:
        return None
    return Problem.of(
        "origin-unreachable",
        f"the host cannot fetch from the origin {name}: {answer.why}",
        "Pushes to it go over the uplink. It needs a direct way to the origin, and the right time.",
    )
