"""Having a host check its store and, on request, repair it from what the host and this machine have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from relstore import protocol
from relstore.client.connection.session import Session, rows
from relstore.client.operations import repair
from relstore.client.reporter import Reporter
from relstore.client.transfer.send_options import SendOptions
from relstore.errors import RelstoreError
from relstore.protocol import FindingOut, Verified


class Report(NamedTuple):
    """What is wrong with a store, and whether it was repaired."""

    verified: Verified
    findings: list[FindingOut]

    @property
    def left(self) -> list[FindingOut]:
        """What is still wrong."""
        return [finding for finding in self.problems if not finding.repaired]

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
            try:
                result = await repair.from_this_machine(session, damaged, options, reporter)
            except RelstoreError as error:
                # What was found and repaired so far is to be told all the same.
                reporter.notice(
                    f"{session.label}: the build {damaged.build.short} was not repaired from this machine: "
                    f"{error.what}."
                )
                break
            findings = list(_now(findings, f"builds/{damaged.build}/", result))
    return Report(verified, findings)


def _now(findings: Sequence[FindingOut], place: str, result: repair.Result) -> Iterator[FindingOut]:
    """What is wrong after a repair of the build at ``place``."""
    for finding in findings:
        of_the_build = f"{finding.path}/".startswith(place)
        if of_the_build and not finding.foreign and (result.whole or finding.path in result.restored):
            yield finding._replace(repaired=True)
        else:
            yield finding
    for path in sorted(result.lacking - {finding.path for finding in findings}):
        yield FindingOut(path, "is damaged, and nothing has its content", False)


async def _ask(session: Session, request: protocol.Verify, reporter: Reporter) -> tuple[Verified, bytes]:
    async for event, body in session.follow_with_body(request, Verified):
        if isinstance(event, Verified):
            return event, body
        if isinstance(event, protocol.Step):
            reporter.count(session.label, event.name, event.done, event.total)
    raise RuntimeError("a conversation about a check ended without its reply")
