"""Removing an app: what it takes with it, what keeps it, and what an interruption leaves."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from relstore.errors import NotFoundError, RefusedError
from relstore.formats.adoption import Adoption, Place
from relstore.formats.names import AppName, PinName
from relstore.host.requests import collecting, keeping, removing
from relstore.protocol import AppRemoved, Hold, Pin, RemoveApp
from relstore.store import adoption
from relstore.store.app import App
from relstore.store.store import Store
from tests.support.host_side import WEB, Program, build_of, go_live, snapshot

OTHER = AppName("other")
GO = RemoveApp(WEB, "ann", False)
DRY = RemoveApp(WEB, "ann", True)


def others(top: Path) -> dict[str, object]:
    """All that is not the removed app's, by path."""
    return {path: what for path, what in snapshot(top).items() if "apps/other" in path}


def test_all_that_only_the_app_has_goes_and_nothing_else(store: Store, app: App, top: Path) -> None:
    shared = {"version": b"1", "shared": b"in both"}
    go_live(store, shared, name=OTHER)  # the very build of generation 1
    go_live(store, {"own": b"of the other", "shared": b"in both"}, name=OTHER)
    keeping.pin(store, Pin(WEB, PinName("kept"), "1"))
    before, own, second = others(top), build_of(store, 2), build_of(store, 1)
    planned, log = removing.remove(store, DRY)
    assert planned._replace(bytes=0) == AppRemoved(2, 1, 1, 1, 0, False, ())
    assert planned.bytes > 0
    assert [row.event for row in log] == ["active"]
    assert (top / "apps/web/current").exists()
    removed, log_again = removing.remove(store, GO)
    assert removed._replace(warnings=()) == planned
    assert log_again == log
    assert store.app_names() == [OTHER]
    assert others(top) == before
    assert own not in store.builds.ids()
    assert second in store.builds.ids()
    assert store.trash.all_names() == []
    with pytest.raises(NotFoundError):
        removing.remove(store, GO)
    assert go_live(store, shared) == 1


def test_a_hold_keeps_it(store: Store, app: App, top: Path) -> None:
    keeping.hold(store, Hold(WEB, "ann", "audit"))
    before = snapshot(top)
    for request in (DRY, GO):
        with pytest.raises(RefusedError, match="web is on hold: audit"):
            removing.remove(store, request)
    assert snapshot(top) == before


def test_a_path_that_was_adopted_keeps_it(store: Store, app: App, top: Path, tmp_path: Path) -> None:
    live, target = tmp_path / "live", str(top / "apps/web/current")
    live.symlink_to(target)
    adoption.write(
        app.directory, Adoption("versions", str(live), "old", "", target, (Place(1, str(tmp_path / "old")),))
    )
    with pytest.raises(RefusedError, match=f"{live} leads into web, since the app was adopted") as caught:
        removing.remove(store, GO)
    assert "adopt --undo" in caught.value.hint
    live.unlink()
    live.symlink_to("old")
    assert removing.remove(store, GO)[0].generations == 2


def test_a_process_that_runs_it_keeps_it(store: Store, top: Path) -> None:
    go_live(store, {"sleep": Program(Path("/bin/sleep").read_bytes())})
    with subprocess.Popen([top / "apps/web/current/sleep", "1000"]) as process:
        try:
            deadline = time.monotonic() + 10
            while "sleep" not in os.readlink(f"/proc/{process.pid}/exe"):
                assert time.monotonic() < deadline
            for request in (DRY, GO):
                with pytest.raises(
                    RefusedError, match="generation 1 of web is running on this host"
                ) as caught:
                    removing.remove(store, request)
            assert "systemctl disable --now" in caught.value.hint
        finally:
            process.kill()
    removed, _ = removing.remove(store, GO)
    assert removed.generations == 1


def test_a_build_that_another_app_has_too_may_be_the_others(store: Store, top: Path) -> None:
    tree = {"sleep": Program(Path("/bin/sleep").read_bytes())}
    go_live(store, tree)
    go_live(store, tree, name=OTHER)
    with subprocess.Popen([top / "apps/other/current/sleep", "1000"]) as process:
        try:
            (warning,) = removing.remove(store, DRY)[0].warnings
            assert "the build of generation 1 runs, and another app has it too" in warning
        finally:
            process.kill()


@pytest.mark.parametrize("when", ["before freeing", "while freeing"])
def test_what_an_interruption_leaves_is_freed_by_the_next(
    store: Store, app: App, top: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if when == "before freeing":
            patch.setattr(collecting, "collect", interrupted)
        else:
            patch.setattr(removing.trash, "empty", interrupted)
        with pytest.raises(KeyboardInterrupt):
            removing.remove(store, GO)
    assert store.app_names() == []
    assert store.trash.all_names()
    with pytest.raises(NotFoundError):
        removing.remove(store, DRY)
    removed, log = removing.remove(store, GO)
    assert (removed.resumed, removed.generations, log) == (True, 0, [])
    assert store.trash.all_names() == []
    assert store.builds.ids() == []
    with pytest.raises(NotFoundError):
        removing.remove(store, GO)


def test_what_cannot_be_freed_is_said_and_the_app_is_gone(store: Store, app: App, top: Path) -> None:
    go_live(store, {"x": b"x"}, name=OTHER)
    (top / "apps/other/records/1").chmod(0o644)
    planned, _ = removing.remove(store, DRY)
    (top / "apps/other/pins/bad").write_text("not a number")
    removed, _ = removing.remove(store, GO)
    assert store.app_names() == [OTHER]
    assert planned.generations == removed.generations
