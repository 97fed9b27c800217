"""Having a host check its store and, when asked to, repair it with what it has and with what we have."""

from __future__ import annotations

from typing import NamedTuple

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.operations import repair
from relstore.client.reporter import Reporter
from relstore.client.transfer.stream_plan import SendOptions
from relstore.errors import ProtocolError
from relstore.formats import pack
from relstore.protocol import FindingOut, Verified
from relstore.protocol import fields as shape


class Report(NamedTuple):
    """What a host found, and whether it was put right."""

    verified: Verified
    findings: list[FindingOut]

    @property
    def left(self) -> list[FindingOut]:
        """What is still wrong."""
        return [finding for finding in self.problems if not finding.mended]

    @property
    def problems(self) -> list[FindingOut]:
        """What is or was wrong."""
        return [finding for finding in self.findings if not finding.foreign]


async def verify(session: Session, how: SendOptions | None, reporter: Reporter, *, local: bool) -> Report:
    """``how``: what to send by; with it, what is wrong is repaired where that is possible."""
    found, body = await _ask(session, protocol.Verify(how is not None), reporter)
    findings = _findings(body)
    if how is not None:
        for damaged in found.damaged:
            if await repair.from_cache(session, damaged, how, reporter, local=local):
                place = f"builds/{damaged.build}/"
                findings = [
                    finding._replace(mended=finding.mended or finding.path.startswith(place))
                    for finding in findings
                ]
    return Report(found, findings)


async def _ask(session: Session, ask: protocol.Verify, reporter: Reporter) -> tuple[Verified, bytes]:
    async for event, body in session.follow_with_body(ask, Verified):
        if isinstance(event, Verified):
            return event, body
        if isinstance(event, protocol.Step):
            reporter.count(session.label, event.name, event.done, event.total)
    raise ProtocolError("the check had no end").on(session.label)


def _findings(body: bytes) -> list[FindingOut]:
    values = pack.decode_stream(body, what="list of findings", limit=protocol.MAX_BODY_BYTES)
    return [shape.from_values(FindingOut, value) for value in values]
