"""Is the data there that a build leads to, and may the service use it?"""

from __future__ import annotations

import os
import pwd
import socket
from pathlib import Path

import pytest

from relstore.formats.data_link import DataLink
from relstore.formats.recipe import Recipe
from relstore.host.requests import preflight, preflight_links
from relstore.host.service.systemd import UnitState
from relstore.protocol import Preflight
from tests.support.host_side import WEB

LOADED = "LoadState=loaded\nType=exec\nUser=nobody\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory that everybody may reach and nobody but its owner may change."""
    path = tmp_path / "data"
    path.mkdir()
    for each in (path, *path.parents):
        if each.stat().st_uid == os.getuid() and each != Path("/") and "pytest" in str(each):
            each.chmod(0o755)
    return path


def judge(target: Path | str, unit: str = "", root: str = "/srv/web") -> tuple[list[str], list[str]]:
    states = [("web.service", UnitState.parse(unit))] if unit else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight_links, "_units", lambda *_: states)
        found = preflight_links.judge(root, WEB, Recipe(), [DataLink("uploads", str(target))])
    return [problem.what for problem in found.problems], found.notes


def test_what_is_there_is_no_problem(data: Path) -> None:
    assert judge(data) == ([], [])
    (data / "file").write_text("x")
    assert judge(data / "file", LOADED) == ([], [])


def test_what_is_missing_is_a_problem(data: Path) -> None:
    ((what,), _) = judge(data / "none")
    assert what == f"uploads leads to {data}/none, which does not exist [link-target-missing]"
    (data / "file").write_text("x")
    assert "does not exist" in judge(data / "file/below")[0][0]
    (data / "loop").symlink_to("loop")
    assert "cannot be reached: Too many levels" in judge(data / "loop")[0][0]


def test_only_directories_and_files_hold_data(data: Path) -> None:
    os.mkfifo(data / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(data / "s"))
        for target in (data / "fifo", data / "s", "/dev/null"):
            assert "neither a directory nor a file [link-target-kind]" in judge(target)[0][0]


def test_the_store_itself_is_no_place_for_data(data: Path) -> None:
    (data / "store/builds/x").mkdir(parents=True)
    (data / "in").symlink_to("store/builds")
    for target in (data / "store/builds/x", data / "store/builds", data / "in"):
        assert "is in the store itself" in judge(target, root=str(data / "store"))[0][0]
    assert judge(data / "store", root=str(data / "store")) == ([], [])


@pytest.mark.parametrize(
    ("unit", "mode", "says"),
    [
        ("", 0o755, ""),
        ("User=root\n", 0o700, ""),
        ("User=nobody\n", 0o777, ""),
        ("User=nobody\n", 0o755, "runs as nobody, which may not write to it"),
        ("User=nobody\n", 0o750, "may not enter"),
        ("DynamicUser=yes\nUser=web\n", 0o755, "an account of its own, which may not write to it"),
        ("User=nobody\nGroup=root\n", 0o775, "" if os.getgid() == 0 else "may not write"),
        ("ProtectSystem=strict\n", 0o755, "has ProtectSystem=strict"),
        ("ProtectSystem=strict\nReadWritePaths=-DATA /x\n", 0o755, ""),
        ("ProtectSystem=strict\nReadWritePaths=/tmp/other\n", 0o755, "has ProtectSystem=strict"),
        ("ProtectSystem=full\n", 0o755, ""),
        ("User=no-such-account\n", 0o755, None),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="the data belongs to root")
def test_whether_the_account_of_the_service_may_write(
    data: Path, unit: str, mode: int, says: str | None
) -> None:
    data.chmod(mode)
    problems, notes = judge(data, f"LoadState=loaded\nType=exec\n{unit}".replace("DATA", str(data)))
    if says is None:
        assert (problems, len(notes)) == ([], 1)
        assert "was not seen" in notes[0]
    elif says:
        assert says in problems[0]
        assert problems[0].endswith("[link-target-refuses]")
        assert notes == []
    else:
        assert (problems, notes) == ([], [])


@pytest.mark.parametrize(
    ("target", "unit"),
    [
        ("/etc/x", "ProtectSystem=full"),
        ("/usr/x", "ProtectSystem=yes"),
        ("/home/x", "ProtectHome=yes"),
        ("/home/x", "ProtectHome=read-only"),
        ("/var/lib/other", "ProtectSystem=strict\nStateDirectory=web"),
    ],
)
def test_what_the_unit_hides(target: str, unit: str) -> None:
    assert preflight_links._hidden_from(target, UnitState.parse(unit))


@pytest.mark.parametrize(
    ("target", "unit"),
    [
        ("/srv/x", "ProtectSystem=full\nProtectHome=yes"),
        ("/var/lib/web/x", "ProtectSystem=strict\nStateDirectory=other web"),
        ("/home/x/y", "ProtectHome=yes\nReadWritePaths=+/home/x"),
    ],
)
def test_what_it_does_not(target: str, unit: str) -> None:
    assert preflight_links._hidden_from(target, UnitState.parse(unit)) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another account")
def test_what_this_account_cannot_see_is_neither_well_nor_a_problem(data: Path) -> None:
    (data / "closed/inner").mkdir(parents=True)
    (data / "closed").chmod(0o700)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.seteuid(nobody)
    try:
        problems, notes = judge(data / "closed/inner")
    finally:
        os.seteuid(0)
    assert problems == []
    assert notes == [
        f"whether {data}/closed/inner is there, to which uploads leads, this account may not see"
    ]


def test_only_an_activation_asks(data: Path) -> None:
    links = (DataLink("uploads", str(data / "none")),)
    asked = Preflight(WEB, Recipe(), (), False, links)
    assert preflight.preflight("/srv/web", asked, "").problems == ()
    found = preflight.preflight("/srv/web", asked._replace(switch=True), "")
    assert "link-target-missing" in [problem.kind for problem in found.problems]
