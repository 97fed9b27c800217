"""What root may run: only what no other account can change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relstore.host.machine import ownership

pytestmark = pytest.mark.root

OTHER = 1500


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """A file of root's in a directory of root's."""
    path = tmp_path / "store/helpers/newest"
    path.parent.mkdir(parents=True)
    path.write_text("")
    for name in (path, path.parent, path.parent.parent):
        name.chmod(0o755)
    return path


def test_what_is_roots_alone_is_not_exposed(helper: Path) -> None:
    assert ownership.exposed(str(helper)) == ""
    assert ownership.exposed("/") == ""
    assert ownership.exposed(f"{helper.parent}/./../helpers//newest") == ""


@pytest.mark.parametrize("part", ["store", "store/helpers", "store/helpers/newest"])
def test_a_part_that_somebody_else_owns_or_may_write_to_is_named(
    part: str, helper: Path, tmp_path: Path
) -> None:
    exposed = tmp_path / part
    for mode in (0o775, 0o757):
        exposed.chmod(mode)
        assert ownership.exposed(str(helper)) == str(exposed)
    exposed.chmod(0o755)
    os.chown(exposed, OTHER, 0)
    assert ownership.exposed(str(helper)) == str(exposed)


def test_a_link_is_judged_by_where_it_is_and_where_it_leads(helper: Path, tmp_path: Path) -> None:
    (tmp_path / "web").symlink_to("store/helpers")
    assert ownership.exposed(f"{tmp_path}/web/newest") == ""
    (tmp_path / "absolute").symlink_to(tmp_path / "web")
    os.chown(helper.parent, OTHER, 0)
    for name in ("web", "absolute"):
        assert ownership.exposed(f"{tmp_path}/{name}/newest") == str(helper.parent)
    os.chown(helper.parent, 0, 0)
    helper.parent.parent.chmod(0o777)
    assert ownership.exposed(f"{tmp_path}/web/newest") == str(helper.parent.parent)
    (tmp_path / "round").symlink_to("round")
    assert ownership.exposed(f"{tmp_path}/round") == f"{tmp_path}/round"


def test_what_does_not_exist_yet_must_be_for_root_to_make(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    assert ownership.exposed(f"{shared}/store") == ""
    shared.chmod(0o1777)
    assert ownership.exposed(f"{shared}/store") == str(shared)
    (shared / "store").mkdir(mode=0o755)
    assert ownership.exposed(f"{shared}/store/helpers") == ""
