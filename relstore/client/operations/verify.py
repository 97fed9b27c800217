"""Having a host check its store and, on request, repair it from what the host and this machine have."""

from __future__ import annotations

from typing import NamedTuple

from relstore import protocol
from relstore.client.connection.session import Session, rows
from relstore.client.operations import repair
from relstore.client.reporter import Reporter
from relstore.client.transfer.stream_plan import SendOptions
from relstore.protocol import FindingOut, Verified


class Report(NamedTuple):
    """What is wrong with a store, and whether it was repaired."""

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


async def verify(session: Session, options: SendOptions | None, reporter: Reporter) -> Report:
    """``options``: how to send what a repair needs; None repairs nothing."""
    verified, body = await _ask(session, protocol.Verify(options is not None), reporter)
    findings = rows(body, FindingOut)
    if options is not None:
        for damaged in verified.damaged:
            if await repair.from_cache(session, damaged, options, reporter):
                directory = f"builds/{damaged.build}/"
                findings = [
                    finding._replace(mended=finding.mended or finding.path.startswith(directory))
                    for finding in findings
                ]
    return Report(verified, findings)


async def _ask(session: Session, request: protocol.Verify, reporter: Reporter) -> tuple[Verified, bytes]:
    async for event, body in session.follow_with_body(request, Verified):
        if isinstance(event, Verified):
            return event, body
        if isinstance(event, protocol.Step):
            reporter.count(session.label, event.name, event.done, event.total)
    raise RuntimeError("a conversation about a check ended without its reply")
