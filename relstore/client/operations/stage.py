"""A push up to the activation, at one host: the comparison, the upload, the generation's record.

Not for making it current (``activate``) nor for several hosts at once (``fleet``).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Ahead, Session
from relstore.client.reporter import Reporter
from relstore.client.transfer.compare import Comparison, compare
from relstore.client.transfer.manifest_difference import ManifestDifference, ManifestDifferences
from relstore.client.transfer.stream_source import StreamSource
from relstore.errors import NotFoundError, RefusedError
from relstore.formats.manifest import contents
from relstore.formats.names import AppName

if TYPE_CHECKING:
    from relstore.client.transfer.upload import Stream

_AHEAD_BYTES = 256 * 1024
"""What is larger of a manifest is sent only when the host does not have the build."""


@dataclass(frozen=True)
class Prepared:
    """A build that is on a host. ``number`` is its generation, 0 when the build is current already."""

    number: int
    current: int
    record: bytes = b""
    """The generation's record, when it is new."""
    streams: tuple[Stream, ...] = ()
    """What was sent for it."""


@dataclass(frozen=True)
class Preview:
    """What a push would do at a host."""

    unchanged: bool
    current: int
    missing: int
    """How many contents would be sent."""
    bytes: int
    by_origin: int = 0
    """Those of the bytes that the host would fetch from an origin."""


class Question:
    """What to ask each host about a build, in as few round trips as possible."""

    def __init__(
        self, app: AppName, scan: Scan, differences: ManifestDifferences, *, allow_outside_links: bool
    ) -> None:
        self._scan = scan
        self._differences = differences
        self._probe = protocol.Probe(app, scan.build)
        self._compare = protocol.Compare(app, scan.build, allow_outside_links)
        self.ahead = self._first()
        """The request that may be sent ahead of the handshake."""

    def _first(self) -> Ahead:
        """The cheapest that most likely answers the question."""
        likely = self._differences.likely
        if likely != self._scan.build:
            difference = self._differences.to(likely)
            if difference is not None and len(difference.data) <= _AHEAD_BYTES:
                return Ahead(self._compare_by(difference), difference.data)
            if len(self._scan.raw) <= _AHEAD_BYTES:
                return Ahead(self._compare, self._scan.raw)
        return Ahead(self._probe)

    def _compare_by(self, difference: ManifestDifference) -> protocol.Compare:
        return self._compare._replace(base=difference.base, size=len(self._scan.raw))

    async def ask(self, session: Session) -> Comparison:
        """What the host has and what it lacks."""
        first, body = self.ahead
        if first is self._probe:
            probed, _ = await session.ask(self._probe, protocol.Probed)
            if (probed.present or probed.waiting) and not probed.damaged:
                return Comparison(probed, [], ())
        elif first is self._compare:
            return await compare(session, self._compare, self._scan)
        else:
            compared = await compare(session, first, self._scan, body)
            if not compared.send_whole:
                return compared
            probed = compared.probed
        difference = self._differences.to(probed.current_build)
        if difference is not None and difference.data != body:
            request = self._compare_by(difference)
            compared = await compare(session, request, self._scan, difference.data)
            if not compared.send_whole:
                return compared
        return await compare(session, self._compare, self._scan)


async def preview(
    session: Session, question: Question, scan: Scan, source: StreamSource | None = None
) -> Preview:
    """Ask what would be sent, and change nothing. ``source``: where an origin may be used."""
    compared = await question.ask(session)
    probed, refs = compared.probed, contents(scan.manifest)
    unchanged = probed.current_build == scan.build and not probed.waiting and not probed.damaged
    size = sum(refs[item.content].size - item.offset for item in compared.wanted)
    by_origin = 0
    if source is not None and compared.wanted:
        from relstore.client.transfer.stream_plan import Receiver

        host = Receiver.at(session, compared.codecs)
        plans = await asyncio.to_thread(source.maker.plans, compared.wanted, host, 0)
        by_origin = sum(plan.payload.size for plan in plans if plan.by_origin)
    return Preview(unchanged, probed.current, len(compared.wanted), size, by_origin)


async def prepare(
    session: Session,
    question: Question,
    scan: Scan,
    publish: protocol.Publish,
    source: StreamSource,
    reporter: Reporter,
) -> Prepared:
    """Upload what is missing, publish, record the generation; do nothing for a build that is current."""
    check_executable(session, scan)
    compared = await question.ask(session)
    probed = compared.probed
    if probed.damaged:
        from relstore.client.transfer import upload

        restored = await upload.send(session, scan, compared, protocol.Restore(), source.maker, reporter)
        reporter.notice(f"{session.label}: {upload.repaired(scan.build, restored)}")
    if probed.waiting:
        return Prepared(probed.waiting, probed.current)
    if probed.current and probed.current_build == scan.build:
        return Prepared(0, probed.current)
    if probed.present:
        try:
            released, _ = await session.ask(
                protocol.Release(publish.app, scan.build, *publish[1:]), protocol.Released
            )
        except NotFoundError:
            reporter.detail(session.label, "the build was collected meanwhile; sending it again")
            compared = await question.ask(session)
        else:
            return Prepared(released.number, probed.current, released.record)
    from relstore.client.transfer import upload

    sent = await upload.send(session, scan, compared, publish, source.maker, reporter)
    return Prepared(sent.number, probed.current, sent.record, sent.streams)


def check_executable(session: Session, scan: Scan) -> None:
    """Raises RefusedError for a build with executables on a file system that is mounted noexec."""
    if not session.hello.noexec:
        return
    program = next((file.path for file in scan.manifest.files() if file.content.executable), None)
    if program is not None:
        raise RefusedError(
            f"{session.hello.root} is on a file system mounted noexec, so {program!r} could not be run there",
            state="Nothing was changed.",
            hint="Name a directory on another file system, or remount that one with exec.",
        ).on(session.label)
