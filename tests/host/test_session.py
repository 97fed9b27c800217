"""A session: every request reaches the function that answers it, and errors are reported in the right way."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from relstore import protocol
from relstore.formats import journal
from relstore.formats.executable import Executable
from relstore.formats.names import AppName, UnitName
from relstore.formats.recipe import Recipe
from relstore.host.connection import Wire
from relstore.host.helpers import Bundle
from relstore.host.requests import unit_file
from relstore.host.session import RequestServer
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.conversation import Client, talk
from tests.support.host_side import WEB, build_of


def test_a_reply_its_body_and_its_rows(store: Store, app: App, top: Path, bundle: Bundle) -> None:
    asked = talk(top, bundle, protocol.Apps(), protocol.Fetch(WEB, "1"), protocol.List(WEB))
    (apps, nothing), (fetched, manifest), (listed, _) = asked.answers
    assert (apps, nothing) == (protocol.AppsOut((WEB,)), b"")
    assert (fetched.number, manifest) == (1, store.builds.manifest_bytes(build_of(store, 1)))
    assert (listed.current, [row.number for row in asked.rows(protocol.RowOut)]) == (1, [1, 2])


def test_after_a_request_that_failed_the_next_one_is_answered(app: App, top: Path, bundle: Bundle) -> None:
    failure, apps = talk(top, bundle, protocol.Log(AppName("other")), protocol.Apps()).messages
    assert failure.kind == "NotFoundError"
    assert apps == protocol.AppsOut((WEB,))


def test_what_cannot_be_read_ends_the_session(top: Path, bundle: Bundle) -> None:
    sink = io.BytesIO()
    RequestServer(str(top), bundle, Wire(io.BytesIO(b"HTTP/1.1 400"), sink)).run()
    _, (failure, _) = Client().read(sink.getvalue())
    assert failure.kind == "ProtocolError"


def test_a_bug_is_told_and_ends_the_session(
    top: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(unit_file, "install", lambda *_: protocol.Done())
    request = protocol.InstallUnit(UnitName("web.service"), "", True, "", False)
    (failure,) = talk(top, bundle, request, protocol.Apps()).messages
    assert failure.kind == "UnexpectedError"
    assert "this is a bug in relstore, on the host: WrongReplyError: Done does not answer" in failure.what
    assert "Traceback" in capfd.readouterr().err


def test_who_activates_after_a_finding_lets_it_pass_and_that_is_recorded(
    store: Store, app: App, top: Path, bundle: Bundle
) -> None:
    program = Executable("version", "", "", "/no/such/interpreter")
    preflight = protocol.Preflight(WEB, Recipe(), (program,), True)
    asked = talk(top, bundle, preflight, protocol.Activate(WEB, "2", "me@desk", Recipe()))
    (finding,) = asked.messages[0].problems
    assert finding.kind == "program-interpreter"
    assert asked.last.outcome == journal.ACTIVE
    *_, intent, ending = app.events()
    assert (intent.event, intent.reason) == (journal.SWITCHING, f"in spite of preflight: {finding.what}")
    assert (ending.event, ending.reason) == (journal.ACTIVE, "")
