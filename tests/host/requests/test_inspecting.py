"""Whether what is current is healthy, and its restart, as a session answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relstore.errors import BusyError, NotFoundError, RefusedError
from relstore.formats import journal
from relstore.formats.command import Command
from relstore.formats.hold import AppHold
from relstore.formats.names import UnitName
from relstore.formats.recipe import Health, Recipe, Units
from relstore.host.helpers import Bundle
from relstore.host.job import directory as jobs
from relstore.host.requests import activation, reading
from relstore.host.requests.inspecting import _left, inspect
from relstore.host.service.systemd import Systemd, UnitState
from relstore.protocol import Accepted, Activate, Ended, Inspect, Inspected, Resolve, Restart
from relstore.store.app import App
from relstore.store.hold import place as place_hold
from relstore.store.store import Store
from tests.support.host_side import WEB, build_of, outcomes, release, snapshot
from tests.support.jobs_by_hand import Gate


def probe(line: str) -> Recipe:
    return Recipe(health=Health(timeout=300, interval=50, commands=(Command(("sh", "-c", line), 5),)))


def test_a_healthy_one_has_no_problem_and_nothing_is_changed(store: Store, app: App, top: Path) -> None:
    assert inspect(store, Inspect(WEB, probe("true"))) == Inspected(1, "")
    before = snapshot(top / "apps")
    assert inspect(store, Inspect(WEB, Recipe())) == Inspected(1, "")
    assert snapshot(top / "apps") == before


def test_a_probe_that_fails_is_the_problem(store: Store, app: App) -> None:
    reply = inspect(store, Inspect(WEB, probe("exit 4")))
    assert reply.generation == 1
    assert "`exit 4` ended with exit code 4" in reply.problem


def test_a_probe_has_the_variables_of_the_current_generation(store: Store, app: App) -> None:
    line = (
        f'test "$RELSTORE_GENERATION $RELSTORE_BUILD" = "1 {build_of(store, 1)}" && test -e "$RELSTORE_PATH"'
    )
    assert inspect(store, Inspect(WEB, probe(line))).problem == ""


def test_a_unit_where_there_is_no_systemd(store: Store, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Systemd, "is_here", staticmethod(lambda: False))
    reply = inspect(store, Inspect(WEB, Recipe(units=Units((UnitName("web.service"),)))))
    assert "does not run systemd" in reply.problem


def test_nothing_current_is_nothing_to_inspect(store: Store) -> None:
    release(store, {"version": b"1"})
    with pytest.raises(NotFoundError, match="no generation of web is current"):
        inspect(store, Inspect(WEB, Recipe()))
    with pytest.raises(NotFoundError, match="no generation of web is current"):
        reading.resolve(store, Resolve(WEB, None))


def test_an_activation_under_way_is_not_judged(
    store: Store, app: App, bundle: Bundle, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    recipe = Recipe(restart=Command(("sh", "-c", gate.line), 20))
    running = activation.activate(store, bundle, Activate(WEB, "2", "me@desk", recipe), "")
    assert isinstance(next(running), Accepted)
    with gate.reached(), pytest.raises(BusyError, match="is under way"):
        inspect(store, Inspect(WEB, probe("true")))
    *_, ended = running
    assert isinstance(ended, Ended)
    assert inspect(store, Inspect(WEB, probe("true"))) == Inspected(2, "")


@pytest.mark.parametrize(
    ("age", "pid", "left"), [(0.0, 7, 3000), (1.0, 7, 2000), (60.0, 7, 0), (60.0, 0, 3000)]
)
def test_a_unit_that_has_been_up_need_not_stay_up_again(
    age: float, pid: int, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    started = int((1000.0 - age) * 1e6)
    state = UnitState.parse(f"MainPID={pid}\nExecMainStartTimestampMonotonic={started}\n")
    assert _left(3000, [state]) == left


# --- what a spec means ----------------------------------------------------------------------------


def test_a_spec_is_resolved_beside_what_is_current(store: Store, app: App) -> None:
    resolved = reading.resolve(store, Resolve(WEB, "2"))
    assert (resolved.row.number, resolved.row.build) == (2, build_of(store, 2))
    assert resolved.current is not None
    assert (resolved.current.number, resolved.current.outcome) == (1, "active")
    assert reading.resolve(store, Resolve(WEB, None)).row == resolved.current
    with pytest.raises(NotFoundError, match="there is no generation 9"):
        reading.resolve(store, Resolve(WEB, "9"))


# --- restarting -----------------------------------------------------------------------------------


def restarted(store: Store, bundle: Bundle, line: str, generation: int = 1, **changes: Any) -> list[Any]:
    recipe = Recipe(restart=Command(("sh", "-c", line), 20))
    request = Restart(WEB, generation, "me@desk", recipe, **changes)
    return list(activation.restart(store, bundle, request, ""))


def test_what_is_current_and_healthy_is_restarted_and_recorded(
    store: Store, app: App, bundle: Bundle
) -> None:
    accepted, *_, ended = restarted(store, bundle, "true")
    assert accepted == Accepted(accepted.job, 1, 1, "nohup")
    assert ended == Ended(accepted.job, journal.ACTIVE, 1, 1, 1, "")
    assert outcomes(app) == [("active", 1), ("switching", 1), ("active", 1)]
    assert app.events()[-2].previous == 1


def test_a_restart_that_fails_goes_nowhere_and_is_tried_once(
    store: Store, app: App, bundle: Bundle, tmp_path: Path
) -> None:
    *_, ended = restarted(store, bundle, f"echo x >> {tmp_path}/tries; exit 4")
    assert (ended.outcome, ended.generation, ended.current) == (journal.STUCK, 1, 1)
    assert (tmp_path / "tries").read_text() == "x\n"
    assert app.current() == 1
    row = next(row for row in app.rows() if row.generation.number == 1)
    assert row.outcome == journal.STUCK


def test_only_what_is_current_is_restarted(store: Store, app: App, bundle: Bundle) -> None:
    with pytest.raises(RefusedError, match="generation 2 is no longer current"):
        restarted(store, bundle, "true", generation=2)
    assert jobs.names(app) == []


def test_a_hold_refuses_a_restart_too(store: Store, app: App, bundle: Bundle) -> None:
    place_hold(app.directory, AppHold("ann", 0, "database migration"))
    with pytest.raises(RefusedError, match="is held by ann"):
        restarted(store, bundle, "true")
    *_, ended = restarted(store, bundle, "true", override_hold=True)
    assert ended.outcome == journal.ACTIVE
