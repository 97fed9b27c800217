"""The check of a whole store: each promise that is broken is a finding, and nothing else is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.store.store import Store
from relstore.store.verify import Checker
from tests.support.host_side import WEB, go_live, snapshot


@pytest.fixture
def app_path(store: Store, top: Path) -> Path:
    """An app of two generations."""
    go_live(store, {"file": b"1"})
    go_live(store, {"file": b"2"})
    return top / "apps" / WEB


def check(store: Store) -> list[tuple[str, str]]:
    checker = Checker(store)
    found = [one for build in store.builds.ids() for one in checker.build(build)]
    return [(one.path, one.problem) for one in [*found, *checker.apps(), *checker.objects()]]


def test_a_sound_store_has_no_findings_and_is_not_touched(store: Store, top: Path, app_path: Path) -> None:
    before = snapshot(top)
    checker = Checker(store)
    for build in store.builds.ids():
        assert checker.build(build) == []
    assert list(checker.apps()) == list(checker.objects()) == []
    assert checker.counts() == (2, 2, 2, 2)
    assert snapshot(top) == before


def _objects(app_path: Path) -> list[Path]:
    return sorted(path for path in (app_path.parent.parent / "objects").rglob("*") if path.is_file())


def _misname(app_path: Path) -> None:
    path = _objects(app_path)[0]
    shutil.copy2(path, path.parent / ("0" * 64))


def _stray(app_path: Path) -> None:
    (_objects(app_path)[0].parent / "notes").write_text("")


def _mode(app_path: Path) -> None:
    _objects(app_path)[0].chmod(0o666)


def _relink(app_path: Path) -> None:
    (app_path / "generations/1").unlink()
    (app_path / "generations/1").symlink_to("/etc")


def _missing_build(app_path: Path) -> None:
    shutil.rmtree(app_path.parent.parent / "builds" / os.readlink(app_path / "generations/1").split("/")[4])


def _foreign_current(app_path: Path) -> None:
    (app_path / "current").unlink()
    (app_path / "current").symlink_to("/srv/other")


def _dangling_current(app_path: Path) -> None:
    (app_path / "generations/2").unlink()


def _no_record(app_path: Path) -> None:
    (app_path / "generations/7").symlink_to("x")


def _no_records(app_path: Path) -> None:
    shutil.rmtree(app_path / "records")


def _file_for_links(app_path: Path) -> None:
    shutil.rmtree(app_path / "generations")
    (app_path / "generations").write_text("")


def _journal(app_path: Path) -> None:
    raw = bytearray((app_path / "journal").read_bytes())
    raw[60] ^= 1
    (app_path / "journal").write_bytes(raw)


@pytest.mark.parametrize(
    ("damage", "place", "problem"),
    [
        (_misname, "objects/", "is not the name of an object of this shard"),
        (_stray, "objects/", "is not the name of an object"),
        (_mode, "objects/", "has the mode 0666 instead of 0444"),
        (_relink, "apps/web/generations/1", "does not point to the build of its record"),
        (_missing_build, "apps/web/generations/1", "points to a build that is missing"),
        (_foreign_current, "apps/web", "is not a generation"),
        (_dangling_current, "apps/web/current", "names generation 2, which is not there"),
        (_no_record, "apps/web/generations/7", "has no record"),
        (_no_records, "apps/web", "has no directory 'records'"),
        (_file_for_links, "apps/web", "has no directory 'generations'"),
        (_journal, "apps/web/journal", "the journal was changed at byte 19"),
    ],
)
def test_each_damage_is_found(
    damage: Callable[[Path], None], place: str, problem: str, store: Store, app_path: Path
) -> None:
    damage(app_path)
    found = check(store)
    assert [one for one in found if one[0].startswith(place) and problem in one[1]], found
