"""One client's session: each request goes to the function that answers it.

It opens the store when a request first needs it, so that the handshake works where there is none.
Errors become ``Failure`` replies; a bug ends the session. Not for the answers themselves (``requests``).
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from relstore import protocol
from relstore.errors import NoStoreError, RelstoreError, UnexpectedError
from relstore.formats.names import AppName
from relstore.host.connection import Wire
from relstore.host.hello import hello
from relstore.host.helpers import Bundle
from relstore.host.job import remark
from relstore.host.job.withdrawal import Withdrawal
from relstore.host.requests import (
    activation,
    adopting,
    bounds,
    changing,
    checking,
    collecting,
    inspecting,
    keeping,
    preflight,
    reading,
    replies,
    runtime_directory,
    status,
    supervisor,
    unit_file,
)
from relstore.host.requests.activation import Asides
from relstore.host.requests.upload import Uploading
from relstore.store.root import explain
from relstore.store.store import Store

Handler = Callable[[Any], None]


class RequestServer:
    """Serves one client until it hangs up."""

    def __init__(self, root: str, bundle: Bundle, wire: Wire) -> None:
        self._root = root
        self._bundle = bundle
        self._wire = wire
        self._opened: Store | None = None
        self._password = ""
        self._rejection: str | None = None
        self._cut_old = False
        self._withdrawal: Withdrawal | None = None
        self._findings: dict[AppName, tuple[protocol.Problem, ...]] = {}
        """What preflight found for an app: whoever activates it afterwards lets that pass."""
        self._uploading = Uploading(root, wire, lambda create: self._store(create=create))
        self._handlers: dict[type, Handler] = {
            protocol.Probe: self._uploading.probe,
            protocol.Compare: self._uploading.compare,
            protocol.Begin: self._uploading.begin,
            protocol.Open: self._uploading.open,
            protocol.Put: self._uploading.put,
            protocol.Publish: self._uploading.publish,
            protocol.Restore: self._uploading.restore,
            protocol.Release: self._uploading.release,
            protocol.Become: self._become,
            protocol.Reject: self._reject,
            protocol.CutOld: self._cut,
            protocol.Withdraw: self._withdraw,
            protocol.Preflight: self._preflight,
            protocol.InstallUnit: self._install_unit,
            protocol.Supervisor: self._supervisor,
            protocol.Activate: self._activate,
            protocol.Restart: self._restart,
            protocol.Inspect: self._in_store(inspecting.inspect),
            protocol.Watch: self._in_store_events(activation.watch_job),
            protocol.Confirm: self._in_store(activation.confirm),
            protocol.Cancel: self._in_store(activation.cancel),
            protocol.List: self._in_store_rows(reading.list_generations),
            protocol.Fetch: self._in_store_body(reading.fetch),
            protocol.Resolve: self._in_store(reading.resolve),
            protocol.Log: self._in_store_rows(reading.log),
            protocol.Apps: self._in_store(reading.apps),
            protocol.Past: self._past,
            protocol.Status: self._in_store(status.status),
            protocol.Pin: self._in_store(keeping.pin),
            protocol.Unpin: self._in_store(keeping.unpin),
            protocol.Delete: self._in_store_rows(keeping.delete),
            protocol.Hold: self._in_store(keeping.hold),
            protocol.Unhold: self._in_store(keeping.unhold),
            protocol.Mark: self._in_store(keeping.mark),
            protocol.Verify: self._verify,
            protocol.Collect: self._in_store_rows(collecting.collect),
            protocol.Adopt: self._adopt,
            protocol.GiveBack: self._in_store(adopting.give_back),
        }
        """``_in_store``: needs the store alone; the rest has a method of its own."""

    def run(self) -> None:
        """Say hello, then answer requests until the input ends."""
        try:
            self._wire.send(hello(self._root))
            while self._serve_next():
                pass
        except BrokenPipeError:
            pass  # the client is gone; what it had accepted goes on without it
        finally:
            self._uploading.close()
            if self._opened is not None:
                self._opened.close()

    def _serve_next(self) -> bool:
        """Answer one request; False when there is none any more."""
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
            self._check_may_change(message.value)
            self._handlers[type(message.value)](runtime_directory.filled_in(message.value))
        except BrokenPipeError:
            raise
        except RelstoreError as error:
            self._wire.send(protocol.Failure.of(error))
        except OSError as error:
            self._wire.send(protocol.Failure.of(explain(error, f"the store at {self._root}")))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked is told, and not cut off
            self._wire.send(protocol.Failure.of(_unexpected(error)))
            return False  # nobody knows what of the request was done
        return True

    def _check_may_change(self, request: Any) -> None:
        if changing.is_change(request):
            with contextlib.suppress(NoStoreError):  # what is not there yet is made as this one knows it
                self._store().check_may_change()

    def _store(self, *, create: bool = False) -> Store:
        if self._opened is None:
            self._opened = Store.open(self._root, create=create)
        return self._opened

    # -- handlers that need the store alone --------------------------------------------------------

    def _in_store(self, answer: Callable[[Store, Any], Any]) -> Handler:
        """``answer`` gives the reply."""
        return lambda request: self._wire.send(answer(self._store(), request))

    def _in_store_rows(self, answer: Callable[[Store, Any], tuple[Any, Sequence[Any]]]) -> Handler:
        """``answer`` gives the reply, and the messages that its body consists of."""

        def handle(request: Any) -> None:
            reply, rows = answer(self._store(), request)
            self._wire.send(reply, replies.stream(rows))

        return handle

    def _in_store_body(self, answer: Callable[[Store, Any], tuple[Any, bytes]]) -> Handler:
        """``answer`` gives the reply and its body."""
        return lambda request: self._wire.send(*answer(self._store(), request))

    def _in_store_events(self, answer: Callable[[Store, Any], Iterable[Any]]) -> Handler:
        """``answer`` gives the events as they happen, and last the reply."""
        return lambda request: self._send_all(answer(self._store(), request))

    def _send_all(self, messages: Iterable[Any]) -> None:
        for message in messages:
            self._wire.send(message)

    # -- handlers that need something else ---------------------------------------------------------

    def _activate(self, request: protocol.Activate) -> None:
        asides = self._asides(request.app)
        self._send_all(activation.activate(self._store(), self._bundle, request, self._password, asides))

    def _restart(self, request: protocol.Restart) -> None:
        asides = self._asides(request.app)._replace(rejected=None, withdrawn=None)
        self._send_all(activation.restart(self._store(), self._bundle, request, self._password, asides))

    def _asides(self, app: AppName) -> Asides:
        """What this session said of its next activation, which is now."""
        passed = remark.of_findings(self._findings.get(app, ()))
        asides = Asides(passed, self._rejection, self._cut_old, self._withdrawal)
        self._rejection, self._cut_old, self._withdrawal = None, False, None
        return asides

    def _become(self, request: protocol.Become) -> None:
        self._password = request.password
        self._wire.send(protocol.Done())

    def _reject(self, request: protocol.Reject) -> None:
        self._rejection = request.reason
        self._wire.send(protocol.Done())

    def _cut(self, _: protocol.CutOld) -> None:
        self._cut_old = True
        self._wire.send(protocol.Done())

    def _withdraw(self, request: protocol.Withdraw) -> None:
        self._withdrawal = Withdrawal(request.generation, request.rollout, request.reason)
        self._wire.send(protocol.Done())

    def _preflight(self, request: protocol.Preflight) -> None:
        reply = preflight.preflight(self._root, request, self._password)
        self._findings[request.app] = reply.problems
        self._wire.send(reply)

    def _install_unit(self, request: protocol.InstallUnit) -> None:
        self._wire.send(unit_file.install(self._root, request, self._password))

    def _supervisor(self, request: protocol.Supervisor) -> None:
        self._wire.send(supervisor.supervisor(request))

    def _adopt(self, request: protocol.Adopt) -> None:
        reply, rows = adopting.adopt(lambda create: self._store(create=create), request, self._wire.send)
        self._wire.send(reply, replies.stream(rows))

    def _past(self, request: protocol.Past) -> None:
        self._wire.send(*reading.past(self._store, request))

    def _verify(self, request: protocol.Verify) -> None:
        result = checking.verify(self._store(), self._wire.send, fix=request.repair)
        self._wire.send(result.verified, replies.stream(result.findings))


def _unexpected(error: Exception) -> UnexpectedError:
    """A bug in this program; the trace goes where the client shows what the helper said."""
    traceback.print_exc()
    if isinstance(error, MemoryError):
        what = "the host has no memory left"
    else:
        what = f"this is a bug in relstore, on the host: {type(error).__name__}: {error}"
    return UnexpectedError(
        what[:1000],
        state="A part of it may be done there: `relstore status` shows what is.",
        hint="Report the command and all it printed to relstore's maintainers.",
    )
