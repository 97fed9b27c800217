"""A session's part in a push: comparing, receiving, publishing, recording the generation.

Between ``Begin`` and ``Publish`` nothing is answered unless it fails: one failure is reported, and the rest
of what was on its way is dropped. Not for what the bytes mean (``receiving``), nor for activation
(``requests.activation``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from relstore import protocol
from relstore.errors import (
    DamagedError,
    FormatError,
    NoStoreError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    RelstoreError,
)
from relstore.formats.entries import MAX_DIFFERENCE_BYTES
from relstore.formats.generation import FAILED, NEVER_ACTIVE, Description, Generation
from relstore.formats.manifest import MAX_BYTES, File, Manifest, ObjectRef, contents
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.host.connection import Wire
from relstore.host.job.build_proof import BuildProof, Instant
from relstore.host.requests import replies
from relstore.store import damage, publish, repair
from relstore.store.app import NewBuild
from relstore.store.builds import check_manifest_name
from relstore.store.publish import Survey
from relstore.store.store import Store
from relstore.store.table import Table
from relstore.store.upload import Missing, Upload, lacking

# What only an upload needs is imported there: most comparisons find everything in place.
if TYPE_CHECKING:
    from relstore.host.upload.receiving import Receiving

_MAX_DIGESTS_BYTES = 8 * 1024 * 1024
"""For a stream of 64 GiB."""


class _Compared(NamedTuple):
    build: Digest
    raw: bytes
    manifest: Manifest
    missing: Optional[list[Missing]]
    """None where it was not looked for, since the build is there."""
    bases: dict[Digest, ObjectRef]


class Uploading:
    """The upload of one session. ``open_store(create)`` gives the store."""

    def __init__(self, root: str, wire: Wire, open_store: Callable[[bool], Store]) -> None:
        self._root = root
        self._wire = wire
        self._open_store = open_store
        self._compared: Optional[_Compared] = None
        self._upload: Optional[Upload] = None
        self._receiving: Optional[Receiving] = None
        self.proof: Optional[BuildProof] = None
        """Of the build that was published last."""
        self._began = Instant.now()
        self._failed = False
        self._lacks = False
        """Whether the build under way was repaired as far as its contents arrived."""

    def close(self) -> None:
        """The client is gone; what it sent stays, to be resumed."""
        if self._receiving is not None:
            self._receiving.close()
        if self._upload is not None:
            self._upload.close(done=False)

    def probe(self, request: protocol.Probe) -> None:
        self._wire.send(self._found(request.app, request.build))

    def compare(self, request: protocol.Compare) -> None:
        self._compared = None
        raw = self._manifest_of(request)
        if raw is None:
            found = self._found(request.app, request.build)
            self._wire.send(protocol.Compared(found, 0, (), send_whole=True))
            return
        manifest = Manifest.parse(raw)
        link = None if request.allow_outside_links else manifest.way_out()
        if link is not None:
            raise RefusedError(
                f"the symlink {link.path!r} -> {link.target!r} leads out of the build",
                state="Nothing was changed.",
                hint="Make it point inside, or allow it with --allow-outside-links.",
            )
        if request.base is None:
            check_manifest_name(raw, request.build)
        probed = self._found(request.app, request.build)
        wanted = contents(manifest)
        sent = _must_be_sent(probed, request.build)
        missing = self._missing(request.build, wanted, probed) if sent else []
        alike = self._alike(request.app, manifest, [wanted[item.content] for item in missing])
        bases = {ref.blake3: ref for refs in alike.values() for ref in refs}
        self._compared = _Compared(request.build, raw, manifest, missing if sent else None, bases)
        body = replies.stream([_wanted(item, alike.get(wanted[item.content].blake3, ())) for item in missing])
        self._wire.send(protocol.Compared(probed, len(missing), _codecs() if missing else ()), body)

    def _manifest_of(self, request: protocol.Compare) -> Optional[bytes]:
        """The manifest that a request brings; from a difference it is already that of its build.

        None for a difference that cannot be undone here. Raises ProtocolError.
        """
        if request.base is None:
            return self._wire.whole_body(MAX_BYTES)
        difference = self._wire.whole_body(MAX_DIFFERENCE_BYTES)
        store = self._store_or_none()
        if store is None:
            return None
        from relstore.host.upload import manifest_difference

        raw = manifest_difference.undo(store, request.base, difference, request.size or 0)
        if raw is not None:
            with contextlib.suppress(DamagedError):  # of a base that rotted, for example
                check_manifest_name(raw, request.build)
                return raw
        return None

    def begin(self, request: protocol.Begin) -> None:
        self._unless_failed(self._begin)

    def open(self, request: protocol.Open) -> None:
        self._unless_failed(lambda: self._under_way()[1].open(request))

    def put(self, request: protocol.Put) -> None:
        self._unless_failed(self._put)

    def draw(self, request: protocol.Draw) -> None:
        self._unless_failed(lambda: self._draw(request))

    def publish(self, request: protocol.Publish) -> None:
        said = _said(request)
        arrived = self._arrived()
        if arrived is None:
            return
        upload, survey = arrived
        fingerprint = publish.publish(upload, survey)
        self.proof = BuildProof(upload.build, fingerprint, self._began) if fingerprint is not None else None
        recorded = self._record(request.app, upload.build, said, upload.manifest)
        self._wire.send(protocol.Published(recorded.number, (), recorded.encode()))
        self._end(upload)

    def restore(self, request: protocol.Restore) -> None:
        if self._failed:
            return
        upload, receiving = self._under_way()
        receiving.end()
        survey = publish.survey(upload)
        restored = repair.restore(upload, survey)
        self._lacks = bool(survey.damaged)
        if not self._lacks:
            restored.check()
        again = receiving.again(survey.damaged)
        self._wire.send(protocol.Published(0, again, repaired=len(restored.repaired)))
        if not again:
            self._end(upload)

    def release(self, request: protocol.Release) -> None:
        recorded = self._record(request.app, request.build, _said(request))
        self._wire.send(protocol.Released(recorded.number, recorded.encode()))

    def _arrived(self) -> Optional[tuple[Upload, Survey]]:
        """The upload, when all of it is here; else what is to be sent again was told."""
        if self._failed:
            return None
        upload, receiving = self._under_way()
        receiving.end()
        survey = publish.survey(upload)
        if survey.damaged:
            self._wire.send(protocol.Published(0, receiving.again(survey.damaged)))
            return None
        return upload, survey

    def _end(self, upload: Upload) -> None:
        """The reply is on its way: from here on nothing can fail."""
        self._upload = self._receiving = None
        upload.close(done=True)

    def _unless_failed(self, work: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            work()
        except (RelstoreError, OSError):
            self._failed = True
            raise

    def _begin(self) -> None:
        if self._lacks:
            self.close()  # its client has no more of it
            self._upload = self._receiving = None
            self._lacks = False
        if self._upload is not None:
            raise ProtocolError("an upload is under way already")
        if self._compared is None:
            raise ProtocolError("an upload of a build that was not compared")
        build, raw, manifest, missing, offered = self._compared
        self._began = Instant.now()
        self._upload = Upload.begin(self._open_store(True), build, raw, manifest)
        if missing is None:
            self._upload.missing()
        else:
            self._upload.require_room(missing)
        from relstore.host.upload.receiving import Receiving

        self._receiving = Receiving(self._upload, offered)

    def _put(self) -> None:
        receiving = self._under_way()[1]
        for piece in self._wire.body():
            receiving.put(piece)

    def _draw(self, request: protocol.Draw) -> None:
        from relstore.host.upload import drawing  # few uploads need it

        receiving = self._under_way()[1]
        digests = self._wire.whole_body(_MAX_DIGESTS_BYTES)

        def put(piece: bytes) -> bool:
            receiving.put(piece)
            return receiving.is_open

        if not receiving.is_open:
            self._wire.send(protocol.Drawn(request.size, 0, ""))  # the stream is sent again in another way
            return
        if len(os.listdir("/proc/self/task")) > 1:
            self._wire.send(protocol.Drawn(0, 0, "the helper has several threads"))
            return
        try:
            order = drawing.Drawing.parse(request, digests)
        except FormatError as error:
            self._wire.send(protocol.Drawn(0, 0, error.what))
            return
        drawn = drawing.draw(
            order,
            put,
            self._wire.fileno(),
            lambda taken: self._wire.send(protocol.Step("draw", taken, request.size)),
        )
        self._wire.send(drawn)

    def _under_way(self) -> tuple[Upload, Receiving]:
        if self._upload is None or self._receiving is None:
            raise ProtocolError("no upload was begun")
        return self._upload, self._receiving

    def _found(self, app: AppName, build: Digest) -> protocol.Probed:
        store = self._store_or_none()
        return protocol.Probed(False, 0, None, 0) if store is None else probe(store, app, build)

    def _store_or_none(self) -> Optional[Store]:
        """The store, or None where there is none yet. Raises RelstoreError for one that cannot be used."""
        try:
            return self._open_store(False)
        except NoStoreError:
            return None

    def _missing(self, build: Digest, wanted: Sequence[ObjectRef], probed: protocol.Probed) -> list[Missing]:
        store = self._store_or_none()
        if store is None:
            return [Missing(index, 0) for index in range(len(wanted))]
        # Of a build that is damaged everything is read; else that is left to the publishing.
        there = store.objects.is_any_sound if probed.damaged else store.objects.has_any
        staged = store.staging.sub_or_none(build)
        if staged is None:
            return lacking(there, wanted, None)
        with staged:
            return lacking(there, wanted, staged)

    def _alike(
        self, app: AppName, manifest: Manifest, missing: Sequence[ObjectRef]
    ) -> dict[Digest, list[ObjectRef]]:
        """What the newest builds of the app have that may be like what is missing."""
        if not missing:
            return {}
        from relstore.host.upload import delta_bases

        large = {ref.blake3 for ref in missing if ref.size >= delta_bases.MIN_BYTES}
        store = self._store_or_none()
        if store is None or not large or app not in store.app_names():
            return {}
        files: dict[Digest, File] = {}
        for file in manifest.files():
            if file.content.blake3 in large:
                files.setdefault(file.content.blake3, file)
        with store.app(app) as opened:
            near = _first(delta_bases.MAX_BUILDS, _nearest(opened.table()), store.builds.has)
        return delta_bases.candidates(files, [store.builds.manifest(build) for build in near])

    def _record(
        self, app: AppName, build: Digest, said: _Said, manifest: Optional[Manifest] = None
    ) -> Generation:
        """The new generation. ``manifest``: the build's, where it is known already."""
        store = self._open_store(False)
        with store.shared():
            if not store.builds.has(build):
                raise NotFoundError(f"the build {build.short} is not in the store")
            manifest = manifest or store.builds.manifest(build)
            store.make_app(app)
            with store.app(app) as opened:
                new = NewBuild(build, manifest.size, sum(1 for _ in manifest.files()))
                if said.retention is not None:
                    opened.set_retention(said.retention)
                return opened.append(new, said.description, int(time.time()))


class _Said(NamedTuple):
    """What a deployer says with a release."""

    description: Description
    retention: Optional[Policy]


def _said(request: Union[protocol.Publish, protocol.Release]) -> _Said:
    """Raises FormatError."""
    policy = None if request.retention is None else request.retention.checked()
    return _Said(Description.parse(request.who, request.commit, request.dirty, request.note), policy)


def _codecs() -> tuple[str, ...]:
    from relstore.host.upload import decoders

    return decoders.available()


def _must_be_sent(probed: protocol.Probed, build: Digest) -> bool:
    known = probed.present or probed.waiting or probed.current_build == build
    return probed.damaged or not known


def _wanted(item: Missing, alike: Sequence[ObjectRef]) -> protocol.Wanted:
    bases = tuple(protocol.Base(ref.blake3, ref.size) for ref in alike)
    return protocol.Wanted(item.content, item.offset, bases)


def probe(store: Store, name: AppName, build: Digest) -> protocol.Probed:
    """What is known of a build that somebody is about to push."""
    current, waiting = None, 0
    if name in store.app_names():
        with store.app(name) as app:
            table = app.table()
            current = table.current
            waiting = _waiting(build, table, settled=app.unresolved() is None)
    return protocol.Probed(
        store.builds.has(build),
        current.number if current else 0,
        current.build if current else None,
        waiting,
        store.builds.has(build) and damage.is_marked(store, build),
    )


def _waiting(build: Digest, table: Table, *, settled: bool) -> int:
    """The newest generation of the build that waits to be activated, or 0."""
    current = table.current
    for each in reversed(table):
        if current is not None and each.number <= current.number:
            break
        if each.build == build and each.state == NEVER_ACTIVE:
            return each.number
    # Switched to by a job that died: it is current, but nobody knows whether it is healthy.
    return current.number if current is not None and current.build == build and not settled else 0


def _first(most: int, builds: Iterable[Digest], has: Callable[[Digest], bool]) -> list[Digest]:
    """The first different ones that are in the store."""
    found: list[Digest] = []
    for build in builds:
        if len(found) == most:
            break
        if build not in found and has(build):
            found.append(build)
    return found


def _nearest(table: Table) -> Iterator[Digest]:
    """The builds of an app, those first that a new one is most like."""
    if table.current is not None:
        yield table.current.build
    yield from (each.build for each in reversed(table) if each.state != FAILED)
    yield from (each.build for each in reversed(table) if each.state == FAILED)
