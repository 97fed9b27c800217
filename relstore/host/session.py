"""One client's session: requests in, replies out, each request handled by one method.

It opens the store when a request first needs it, so that the handshake works where there is none.
Errors become ``Failure`` replies; a bug ends the session. The work itself is done by ``store``,
``gc``, and the other modules of ``host``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relstore import protocol
from relstore.errors import NoStoreError, NotFoundError, RelstoreError
from relstore.formats import pack
from relstore.host import hello as capabilities
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.host.requests import activation as switching
from relstore.host.requests import bounds, collecting, preflight, status
from relstore.host.requests import chain as past
from relstore.host.requests import checking as verifying
from relstore.host.requests import keeping as words
from relstore.host.requests import replies as reports
from relstore.host.requests import unit_file as unit_files
from relstore.host.requests.upload import Uploading
from relstore.store.history import resolve
from relstore.store.root import explain
from relstore.store.store import Store


class Session:
    """Serves one client until it hangs up."""

    def __init__(self, root: str, bundle: Bundle, wire: Wire) -> None:
        self._root = root
        self._bundle = bundle
        self._wire = wire
        self._opened: Store | None = None
        self._password = ""
        self._uploading = Uploading(root, wire, lambda create: self._store(create=create))
        self._handlers: dict[type, Callable[[Any], None]] = {
            protocol.Probe: self._uploading.probe,
            protocol.Compare: self._uploading.compare,
            protocol.Begin: self._uploading.begin,
            protocol.Open: self._uploading.open,
            protocol.Put: self._uploading.put,
            protocol.Publish: self._uploading.publish,
            protocol.Restore: self._uploading.restore,
            protocol.Release: self._uploading.release,
            protocol.Activate: self._activate,
            protocol.Watch: self._watch,
            protocol.List: self._list,
            protocol.Fetch: self._fetch,
            protocol.Log: self._log,
            protocol.Apps: self._apps,
            protocol.Status: self._status,
            protocol.Pin: self._pin,
            protocol.Unpin: self._unpin,
            protocol.Delete: self._delete,
            protocol.Hold: self._hold,
            protocol.Unhold: self._unhold,
            protocol.Mark: self._mark,
            protocol.Verify: self._verify,
            protocol.Collect: self._collect,
            protocol.Become: self._become,
            protocol.Preflight: self._preflight,
            protocol.Confirm: self._confirm,
            protocol.Cancel: self._cancel,
            protocol.InstallUnit: self._install_unit,
            protocol.Past: self._past,
        }

    def run(self) -> None:
        """Say hello, then answer requests until the input ends."""
        try:
            self._wire.send(capabilities.hello(self._root))
            while self._one():
                pass
        except BrokenPipeError:
            pass  # the client is gone; what it had accepted goes on without it
        finally:
            self._uploading.close()
            if self._opened is not None:
                self._opened.close()

    def _one(self) -> bool:
        try:
            message = self._wire.receive()
        except RelstoreError as error:
            # The two sides are out of step: say so once and end.
            self._wire.send(protocol.Failure.of(error))
            return False
        if message is None:
            return False
        try:
            bounds.check(message.value)
            self._handlers[type(message.value)](message.value)
        except BrokenPipeError:
            raise
        except RelstoreError as error:
            self._wire.send(protocol.Failure.of(error))
        except OSError as error:
            self._wire.send(protocol.Failure.of(explain(error, f"the store at {self._root}")))
        return True

    def _store(self, *, create: bool = False) -> Store:
        if self._opened is None:
            self._opened = Store.open(self._root, create=create)
        return self._opened

    # -- activation ------------------------------------------------------------------------------

    def _activate(self, ask: protocol.Activate) -> None:
        for message in switching.activate(self._store(), self._bundle, ask, self._password):
            self._wire.send(message)

    def _become(self, ask: protocol.Become) -> None:
        self._password = ask.password
        self._wire.send(protocol.Done())

    def _preflight(self, ask: protocol.Preflight) -> None:
        self._wire.send(preflight.preflight(self._root, ask, self._password))

    def _confirm(self, ask: protocol.Confirm) -> None:
        self._wire.send(switching.confirm(self._store(), ask))

    def _cancel(self, ask: protocol.Cancel) -> None:
        switching.cancel(self._store(), ask)
        self._wire.send(protocol.Done())

    def _install_unit(self, ask: protocol.InstallUnit) -> None:
        self._wire.send(unit_files.install(ask, self._password))

    def _watch(self, ask: protocol.Watch) -> None:
        for message in switching.watch_job(self._store(), ask):
            self._wire.send(message)

    # -- reading ---------------------------------------------------------------------------------

    def _list(self, ask: protocol.List) -> None:
        with self._store().app(ask.app) as app:
            rows = app.rows()
            head = app.head()
            current = app.current() or 0
        self._wire.send(
            protocol.Listed(current, head), reports.stream([reports.row_out(row) for row in rows])
        )

    def _fetch(self, ask: protocol.Fetch) -> None:
        store = self._store()
        with store.app(ask.app) as app:
            row = resolve(ask.spec, app.rows())
        raw = store.builds.manifest_bytes(row.generation.build)
        self._wire.send(reports.row_out(row), raw)

    def _log(self, ask: protocol.Log) -> None:
        with self._store().app(ask.app) as app:
            events = [reports.event_out(event) for event in app.events()]
        self._wire.send(protocol.Done(), reports.stream(list(events)))

    def _apps(self, ask: protocol.Apps) -> None:
        self._wire.send(protocol.AppsOut(tuple(self._store().app_names())))

    def _past(self, ask: protocol.Past) -> None:
        try:
            with self._store().app(ask.app) as app:
                reply, records = past.past(app, ask.number)
        except (NoStoreError, NotFoundError):
            reply, records = protocol.PastOut(0, None, None), []
        self._wire.send(reply, pack.encode_stream(records))

    def _status(self, ask: protocol.Status) -> None:
        self._wire.send(status.status(self._store(), ask.app))

    def _verify(self, ask: protocol.Verify) -> None:
        report = verifying.verify(self._store(), self._wire.send, mend=ask.repair)
        self._wire.send(report.verified, reports.stream(list(report.findings)))

    # -- keeping and collecting ------------------------------------------------------------------

    def _pin(self, ask: protocol.Pin) -> None:
        store = self._store()
        with store.shared(), store.app(ask.app) as app:
            row = resolve(ask.spec, app.rows())
            app.pin(ask.name, row.generation.number)
        self._wire.send(reports.row_out(row))

    def _unpin(self, ask: protocol.Unpin) -> None:
        store = self._store()
        with store.shared(), store.app(ask.app) as app:
            app.unpin(ask.name)
        self._wire.send(protocol.Done())

    def _delete(self, ask: protocol.Delete) -> None:
        rows = collecting.delete(self._store(), ask)
        self._wire.send(protocol.Done(), reports.stream([reports.row_out(row) for row in rows]))

    def _hold(self, ask: protocol.Hold) -> None:
        words.hold(self._store(), ask)
        self._wire.send(protocol.Done())

    def _unhold(self, ask: protocol.Unhold) -> None:
        self._wire.send(protocol.Unheld(words.unhold(self._store(), ask)))

    def _mark(self, ask: protocol.Mark) -> None:
        self._wire.send(reports.row_out(words.mark(self._store(), ask)))

    def _collect(self, ask: protocol.Collect) -> None:
        collected, verdicts = collecting.collect(self._store(), ask)
        self._wire.send(collected, reports.stream(list(verdicts)))
