"""What a host has of a build, and what it lacks. Not for sending that (``upload``)."""

from __future__ import annotations

from dataclasses import dataclass

from relstore import protocol
from relstore.client.artifact.scan import Scan
from relstore.client.connection.session import Session, rows
from relstore.client.transfer import streams
from relstore.errors import FormatError, ProtocolError
from relstore.formats.manifest import contents
from relstore.protocol import Wanted


@dataclass(frozen=True)
class Comparison:
    """What a host has of a build, and what it lacks."""

    probed: protocol.Probed
    wanted: list[Wanted]
    codecs: tuple[str, ...]
    send_whole: bool = False
    """Whether nothing was compared, since the host needs the manifest itself."""


async def compare(
    session: Session, request: protocol.Compare, scan: Scan, difference: bytes | None = None
) -> Comparison:
    """Ask what is missing. Changes nothing. ``difference``: sent in the place of the manifest."""
    reply, body = await session.ask(
        request, protocol.Compared, scan.raw if difference is None else difference
    )
    if reply.send_whole and difference is not None:
        return Comparison(reply.found, [], reply.codecs, send_whole=True)
    try:
        wanted = streams.check(rows(body, Wanted), contents(scan.manifest))
    except (FormatError, ProtocolError) as error:
        raise error.on(session.label) from None
    if len(wanted) != reply.missing:
        raise ProtocolError("the host contradicts itself about what it lacks").on(session.label)
    return Comparison(reply.found, wanted, reply.codecs)
