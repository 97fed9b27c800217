"""A push up to the activation, at one host: what to upload, the upload, the generation's record.

Not for making it current (``activation``) nor for several hosts at once (``fleet``).
"""

from __future__ import annotations

from dataclasses import dataclass

from relstore import protocol
from relstore.client import upload
from relstore.client.reporter import Reporter
from relstore.client.scan import Scan
from relstore.client.session import Session
from relstore.errors import NotFoundError, RefusedError
from relstore.store.names import AppName
from relstore.store.record import Description
from relstore.store.upload import contents


@dataclass(frozen=True)
class Prepared:
    """A build that is on a host. ``number`` is its generation, 0 when it is current already."""

    number: int
    current: int
    sent: int
    """Bytes."""


@dataclass(frozen=True)
class Preview:
    """What a push would do at a host."""

    unchanged: bool
    current: int
    missing: int
    """How many contents would be sent."""
    bytes: int


async def preview(session: Session, app: AppName, scan: Scan, *, allow_outside_links: bool) -> Preview:
    """Ask what would be sent, and change nothing that lasts."""
    probed, _ = await session.ask(protocol.Probe(app, scan.build), protocol.Probed)
    if probed.current and probed.current_build == scan.build and not probed.waiting:
        return Preview(True, probed.current, 0, 0)
    if probed.present:
        return Preview(False, probed.current, 0, 0)
    refs = contents(scan.manifest)
    if not session.hello.exists:
        return Preview(False, 0, len(refs), sum(ref.size for ref in refs))
    missing = await upload.begin(session, scan, allow_outside_links=allow_outside_links)
    size = sum(refs[item.content].size - item.offset for item in missing)
    return Preview(False, probed.current, len(missing), size)


async def prepare(
    session: Session,
    app: AppName,
    scan: Scan,
    description: Description,
    *,
    allow_outside_links: bool,
    reporter: Reporter,
) -> Prepared:
    """Upload what is missing, publish, record the generation; nothing for what is current already."""
    check_executable(session, scan)
    probed, _ = await session.ask(protocol.Probe(app, scan.build), protocol.Probed)
    if probed.waiting:
        return Prepared(probed.waiting, probed.current, 0)
    if probed.current and probed.current_build == scan.build:
        return Prepared(0, probed.current, 0)
    record = protocol.Release(app, scan.build, *description)
    if probed.present:
        try:
            released, _ = await session.ask(record, protocol.Released)
        except NotFoundError:
            reporter.detail(session.label, "the build was collected meanwhile; sending it again")
        else:
            return Prepared(released.number, probed.current, 0)
    missing = await upload.begin(session, scan, allow_outside_links=allow_outside_links)
    sent = await upload.send(session, scan, missing, reporter)
    released, _ = await session.ask(record, protocol.Released)
    return Prepared(released.number, probed.current, sent)


def check_executable(session: Session, scan: Scan) -> None:
    """Raises RefusedError for a build with executables on a file system that executes nothing."""
    if not session.hello.noexec:
        return
    program = next((file.path for file in scan.manifest.files() if file.content.executable), None)
    if program is not None:
        raise RefusedError(
            f"{session.hello.root} is on a file system mounted noexec, so {program!r} could not be run there",
            state="Nothing was changed.",
            hint="Name a place on another file system, or remount that one with exec.",
        ).on(session.label)
