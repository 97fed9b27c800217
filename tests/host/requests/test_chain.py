"""What a chain shows to whoever saw it before."""

from __future__ import annotations

from pathlib import Path

import pytest

from relstore import protocol
from relstore.errors import DamagedError
from relstore.formats import pack
from relstore.formats.generation import record_digest
from relstore.formats.names import AppName
from relstore.host.helpers import Bundle
from relstore.host.requests import chain
from relstore.host.requests.chain import past
from relstore.store.app import RECORDS, App
from relstore.store.store import Store
from tests.support.conversation import talk
from tests.support.host_side import WEB, release


def test_the_record_that_was_seen_and_what_came_after(app: App) -> None:
    first, second = app.record(1), app.record(2)
    head = record_digest(second)
    assert past(app, 1) == (protocol.PastOut(2, head, record_digest(first)), [second])
    assert past(app, 2) == (protocol.PastOut(2, head, head), [])
    for unknown in (0, -1, 3, 1 << 40):
        assert past(app, unknown) == (protocol.PastOut(2, head, None), [])


def test_no_more_than_so_many_at_a_time(store: Store, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    release(store, {"version": b"3"})
    monkeypatch.setattr(chain, "MAX_PAST", 1)
    assert past(app, 1)[1] == [app.record(2)]


def test_a_record_that_is_gone_is_damage(app: App) -> None:
    with app.directory.sub(RECORDS) as records:
        records.unlink("1")
    with pytest.raises(DamagedError, match="generation 1 of web is missing"):
        past(app, 1)


def test_over_the_wire(top: Path, app: App, bundle: Bundle) -> None:
    asked = talk(top, bundle, protocol.Past(WEB, 1), protocol.Past(AppName("other"), 1))
    (found, body), (nothing, empty) = asked.answers
    assert found == past(app, 1)[0]
    assert list(pack.decode_stream(body, what="reply", limit=1 << 20)) == [app.record(2)]
    assert (nothing, empty) == (protocol.PastOut(0, None, None), b"")


def test_without_a_store_there_is_no_past(tmp_path: Path, bundle: Bundle) -> None:
    (answer,) = talk(tmp_path / "none", bundle, protocol.Past(WEB, 3)).messages
    assert answer == protocol.PastOut(0, None, None)
