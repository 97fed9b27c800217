"""Who answers which request, and what a session remembers from one request to the next.

The modules that answer are imported here and nowhere else, each when a request of its subject first comes, so
that a session loads only what it is asked for. Not for the conversation (``session``), nor for the answers
themselves (``requests``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from relstore import protocol
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.store.store import Store

if TYPE_CHECKING:
    from relstore.formats.names import AppName
    from relstore.host.job.withdrawal import Withdrawal
    from relstore.host.requests.activation import Asides
    from relstore.host.requests.rollouts import Taken
    from relstore.host.requests.upload import Uploading

Handler = Callable[[Any], None]
Handlers = dict[type, Handler]


class Answers:
    """The handlers of one session. It opens the store when a request first needs it, so that the handshake
    works where there is none. ``close`` it."""

    def __init__(self, root: str, bundle: Bundle, wire: Wire) -> None:
        self._root = root
        self._bundle = bundle
        self._wire = wire
        self._opened: Store | None = None
        self._uploading: Uploading | None = None
        self._password = ""
        self._rejection: str | None = None
        self._cut_old = False
        self._withdrawal: Withdrawal | None = None
        self._taken: Taken | None = None
        self._supersedes = False
        self._findings: dict[AppName, tuple[protocol.Problem, ...]] = {}
        """What preflight found for an app: whoever activates it afterwards lets that pass."""
        self._handlers: Handlers = {
            protocol.Become: self._become,
            protocol.Reject: self._reject,
            protocol.CutOld: self._cut,
            protocol.Withdraw: self._withdraw,
            protocol.SupersedeRollout: self._supersede,
        }

    def of(self, request: type) -> Handler:
        """What answers requests of this class."""
        if request not in self._handlers:
            self._handlers.update(_SUBJECTS[request](self))
        return self._handlers[request]

    def store(self, *, create: bool = False) -> Store:
        """The session's store, open. Raises NoStoreError, StoreError."""
        if self._opened is None:
            self._opened = Store.open(self._root, create=create)
        return self._opened

    def close(self) -> None:
        self._let_go()
        if self._uploading is not None:
            self._uploading.close()
        if self._opened is not None:
            self._opened.close()

    # -- the subjects: each gives the handlers of all its requests ------------------------------------

    def upload(self) -> Handlers:
        from relstore.host.requests.upload import Uploading

        self._wire.widen()
        uploading = self._uploading = Uploading(
            self._root, self._wire, lambda create: self.store(create=create)
        )
        return {
            protocol.Probe: uploading.probe,
            protocol.Compare: uploading.compare,
            protocol.Begin: uploading.begin,
            protocol.Open: uploading.open,
            protocol.Put: uploading.put,
            protocol.Draw: uploading.draw,
            protocol.Publish: uploading.publish,
            protocol.Restore: uploading.restore,
            protocol.Release: uploading.release,
        }

    def preflight(self) -> Handlers:
        from relstore.host.requests import preflight

        def handle(request: protocol.Preflight) -> None:
            reply = preflight.preflight(self._root, request, self._password)
            self._findings[request.app] = reply.problems
            self._wire.send(reply)

        return {protocol.Preflight: handle}

    def host_check(self) -> Handlers:
        from relstore.host.requests import host_check

        def check_origin(request: protocol.CheckOrigin) -> None:
            from relstore.host.requests import origin_check

            self._wire.send(origin_check.check(request, self._wire.fileno()))

        return {
            protocol.CheckHost: lambda request: self._wire.send(
                host_check.check(self._root, request, self._password)
            ),
            protocol.CheckOrigin: check_origin,
        }

    def logs(self) -> Handlers:
        from relstore.host.requests import logs

        def handle(request: protocol.Logs) -> None:
            # Closed whatever happens, and journalctl with it: the client may go in the middle.
            with contextlib.closing(logs.read(self.store, request, self._wire.fileno())) as events:
                self._send_all(events)

        return {protocol.Logs: handle}

    def activation(self) -> Handlers:
        from relstore.host.requests import activation

        def activate(request: protocol.Activate) -> None:
            asides = self._asides(request.app)
            self._send_all(activation.activate(self.store(), self._bundle, request, self._password, asides))

        def restart(request: protocol.Restart) -> None:
            asides = self._asides(request.app)._replace(rejected=None, withdrawn=None)
            self._send_all(activation.restart(self.store(), self._bundle, request, self._password, asides))

        return {
            protocol.Activate: activate,
            protocol.Restart: restart,
            protocol.Watch: self._in_store_events(activation.watch_job),
            protocol.Confirm: self._in_store(activation.confirm),
            protocol.Cancel: self._in_store(activation.cancel),
        }

    def inspecting(self) -> Handlers:
        from relstore.host.requests import inspecting

        return {protocol.Inspect: self._in_store(inspecting.inspect)}

    def reading(self) -> Handlers:
        from relstore.host.requests import reading

        return {
            protocol.List: self._in_store_rows(reading.list_generations),
            protocol.Fetch: self._in_store_body(reading.fetch),
            protocol.Resolve: self._in_store(reading.resolve),
            protocol.Log: self._in_store_rows(reading.log),
            protocol.Apps: self._in_store(reading.apps),
            protocol.Past: lambda request: self._wire.send(*reading.past(self.store, request)),
        }

    def status(self) -> Handlers:
        from relstore.host.requests import status

        builds = status.BuildCount()
        return {protocol.Status: self._in_store(lambda store, request: status.status(store, request, builds))}

    def keeping(self) -> Handlers:
        from relstore.host.requests import keeping

        return {
            protocol.Pin: self._in_store(keeping.pin),
            protocol.Unpin: self._in_store(keeping.unpin),
            protocol.Delete: self._in_store_rows(keeping.delete),
            protocol.Hold: self._in_store(keeping.hold),
            protocol.Unhold: self._in_store(keeping.unhold),
            protocol.Mark: self._in_store(keeping.mark),
        }

    def checking(self) -> Handlers:
        from relstore.host.requests import checking, replies

        def handle(request: protocol.Verify) -> None:
            result = checking.verify(self.store(), self._wire.send, fix=request.repair)
            self._wire.send(result.verified, replies.stream(result.findings))

        return {protocol.Verify: handle}

    def exporting(self) -> Handlers:
        from relstore.host.requests import exporting

        def handle(request: protocol.Export) -> None:
            for message, body in exporting.export(self.store(), request):
                self._wire.send(message, body)

        return {protocol.Export: handle}

    def removing(self) -> Handlers:
        from relstore.host.requests import removing

        return {protocol.RemoveApp: self._in_store_rows(removing.remove)}

    def collecting(self) -> Handlers:
        from relstore.host.requests import collecting

        return {protocol.Collect: self._in_store_rows(collecting.collect)}

    def adopting(self) -> Handlers:
        from relstore.host.requests import adopting, replies

        def adopt(request: protocol.Adopt) -> None:
            reply, rows = adopting.adopt(lambda create: self.store(create=create), request, self._wire.send)
            self._wire.send(reply, replies.stream(rows))

        return {protocol.Adopt: adopt, protocol.GiveBack: self._in_store(adopting.give_back)}

    def rollouts(self) -> Handlers:
        from relstore.host.requests import rollouts

        def take(request: protocol.TakeRollout) -> None:
            reply, taken = rollouts.take(self.store(), request)
            self._let_go()
            self._taken = taken
            self._wire.send(reply)

        def run_once(request: protocol.RunRolloutOnce) -> None:
            self._send_all(rollouts.run_once(self.store(), request, self._taken))

        return {
            protocol.TakeRollout: take,
            protocol.NoteRollout: lambda request: self._wire.send(
                rollouts.note(self.store(), request, self._taken)
            ),
            protocol.PauseRollout: self._in_store(rollouts.pause),
            protocol.ListRollouts: self._in_store_rows(rollouts.known),
            protocol.FetchPlan: self._in_store(rollouts.fetch_plan),
            protocol.RunRolloutOnce: run_once,
        }

    def unit_file(self) -> Handlers:
        from relstore.host.requests import unit_file

        return {
            protocol.InstallUnit: lambda request: self._wire.send(
                unit_file.install(self._root, request, self._password)
            )
        }

    def supervisor(self) -> Handlers:
        from relstore.host.requests import supervisor

        return {protocol.Supervisor: lambda request: self._wire.send(supervisor.supervisor(request))}

    # -- handlers that need the store alone ----------------------------------------------------------

    def _in_store(self, answer: Callable[[Store, Any], Any]) -> Handler:
        """``answer`` gives the reply."""
        return lambda request: self._wire.send(answer(self.store(), request))

    def _in_store_rows(self, answer: Callable[[Store, Any], tuple[Any, Sequence[Any]]]) -> Handler:
        """``answer`` gives the reply, and the messages that its body consists of."""
        from relstore.host.requests import replies

        def handle(request: Any) -> None:
            reply, rows = answer(self.store(), request)
            self._wire.send(reply, replies.stream(rows))

        return handle

    def _in_store_body(self, answer: Callable[[Store, Any], tuple[Any, bytes]]) -> Handler:
        """``answer`` gives the reply and its body."""
        return lambda request: self._wire.send(*answer(self.store(), request))

    def _in_store_events(self, answer: Callable[[Store, Any], Iterable[Any]]) -> Handler:
        """``answer`` gives the events as they happen, and last the reply."""
        return lambda request: self._send_all(answer(self.store(), request))

    def _send_all(self, messages: Iterable[Any]) -> None:
        for message in messages:
            self._wire.send(message)

    # -- what is remembered --------------------------------------------------------------------------

    def _asides(self, app: AppName) -> Asides:
        """What this session said of its next activation, which is now."""
        from relstore.host.job import remark
        from relstore.host.requests.activation import Asides

        passed = remark.of_findings(self._findings.get(app, ()))
        proof = None if self._uploading is None else self._uploading.proof
        taken = self._taken
        claim = taken.claim if taken is not None and taken.app == app else None
        asides = Asides(
            passed, self._rejection, self._cut_old, self._withdrawal, proof, claim, self._supersedes
        )
        self._rejection, self._cut_old, self._withdrawal, self._supersedes = None, False, None, False
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
        from relstore.host.job.withdrawal import Withdrawal

        self._withdrawal = Withdrawal(request.generation, request.rollout, request.reason)
        self._wire.send(protocol.Done())

    def _supersede(self, _: protocol.SupersedeRollout) -> None:
        self._supersedes = True
        self._wire.send(protocol.Done())

    def _let_go(self) -> None:
        """Act for no rollout any more."""
        if self._taken is not None:
            os.close(self._taken.fd)
            self._taken = None


_REQUESTS_OF: dict[Callable[[Answers], Handlers], tuple[type, ...]] = {
    Answers.upload: (
        protocol.Probe,
        protocol.Compare,
        protocol.Begin,
        protocol.Open,
        protocol.Put,
        protocol.Draw,
        protocol.Publish,
        protocol.Restore,
        protocol.Release,
    ),
    Answers.preflight: (protocol.Preflight,),
    Answers.host_check: (protocol.CheckHost, protocol.CheckOrigin),
    Answers.logs: (protocol.Logs,),
    Answers.activation: (
        protocol.Activate,
        protocol.Restart,
        protocol.Watch,
        protocol.Confirm,
        protocol.Cancel,
    ),
    Answers.inspecting: (protocol.Inspect,),
    Answers.reading: (
        protocol.List,
        protocol.Fetch,
        protocol.Resolve,
        protocol.Log,
        protocol.Apps,
        protocol.Past,
    ),
    Answers.status: (protocol.Status,),
    Answers.keeping: (
        protocol.Pin,
        protocol.Unpin,
        protocol.Delete,
        protocol.Hold,
        protocol.Unhold,
        protocol.Mark,
    ),
    Answers.checking: (protocol.Verify,),
    Answers.exporting: (protocol.Export,),
    Answers.removing: (protocol.RemoveApp,),
    Answers.collecting: (protocol.Collect,),
    Answers.adopting: (protocol.Adopt, protocol.GiveBack),
    Answers.unit_file: (protocol.InstallUnit,),
    Answers.supervisor: (protocol.Supervisor,),
    Answers.rollouts: (
        protocol.TakeRollout,
        protocol.NoteRollout,
        protocol.PauseRollout,
        protocol.ListRollouts,
        protocol.FetchPlan,
        protocol.RunRolloutOnce,
    ),
}
_SUBJECTS = {request: subject for subject, requests in _REQUESTS_OF.items() for request in requests}
