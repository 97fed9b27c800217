"""Holding an app, letting it go, and marking generations by hand."""

from __future__ import annotations

import pytest

from relstore.errors import FormatError, NotFoundError
from relstore.formats import hold as hold_format
from relstore.formats.names import AppName
from relstore.host.requests import keeping
from relstore.protocol import Hold, Mark, Unheld, Unhold
from relstore.store import hold as holds
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import WEB, outcomes, record


def test_a_hold_is_placed_replaced_and_lifted(store: Store, app: App) -> None:
    for message in ("one", "two"):
        keeping.hold(store, Hold(WEB, "ann", message))
        found = holds.read(app.directory)
        assert found is not None
        assert (found.who, found.message) == ("ann", message)
    assert keeping.unhold(store, Unhold(WEB)) == Unheld(True)
    assert keeping.unhold(store, Unhold(WEB)) == Unheld(False)
    assert holds.read(app.directory) is None


@pytest.mark.parametrize("message", ["", " \n", "x" * (hold_format.MAX_MESSAGE + 1)])
def test_a_hold_says_why(store: Store, app: App, message: str) -> None:
    with pytest.raises(FormatError, match="the message of a hold"):
        keeping.hold(store, Hold(WEB, "ann", message))
    assert holds.read(app.directory) is None


def test_marks_change_what_counts_as_good(store: Store, app: App) -> None:
    record(store, 2, "active")
    assert keeping.mark(store, Mark(WEB, "1", False, "ann", "leaks")).state == "failed"
    assert app.events()[-1].reason == "leaks"
    assert keeping.mark(store, Mark(WEB, "1", True, "ann", "")).state == "good"
    assert outcomes(app)[-2:] == [("marked-bad", 1), ("marked-good", 1)]


def test_what_is_not_there_is_not_marked(store: Store, app: App) -> None:
    with pytest.raises(NotFoundError):
        keeping.mark(store, Mark(WEB, "7", True, "ann", ""))
    with pytest.raises(NotFoundError):
        keeping.mark(store, Mark(AppName("other"), "1", True, "ann", ""))
    with pytest.raises(NotFoundError):
        keeping.hold(store, Hold(AppName("other"), "ann", "why"))
    assert outcomes(app) == [("active", 1)]
