"""Which units a host installs: root must not run what another account can change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from relstore.errors import RefusedError
from relstore.formats.names import UnitFileName
from relstore.host.machine import tools
from relstore.host.machine.tools import ToolResult
from relstore.host.requests import unit_file
from relstore.protocol import InstallUnit

RECOVERY = (
    "[Service]\n{user}ExecStart=/usr/bin/env {root}/helpers/newest recover {root}\n"
    "\n[Install]\nWantedBy=multi-user.target\n"
)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of system units; systemctl does nothing."""
    monkeypatch.setattr(unit_file, "_SYSTEM", str(tmp_path / "system"))
    monkeypatch.setattr(tools, "run", lambda *_, **__: ToolResult(0, "", ""))
    return tmp_path / "system"


def request(root: object, user: str = "") -> InstallUnit:
    text = RECOVERY.format(root=root, user=f"User={user}\n" if user else "")
    return InstallUnit(UnitFileName("relstore-recover.service"), text, False, "", False)


def store(path: Path, owner: int) -> Path:
    (path / "helpers").mkdir(parents=True, mode=0o755)
    (path / "helpers/newest").write_text("")
    for name in (path, path / "helpers", path / "helpers/newest"):
        os.chown(name, owner, owner)
    return path


@pytest.mark.root
def test_root_runs_its_own_store_and_no_other(system: Path, tmp_path: Path) -> None:
    mine, other = store(tmp_path / "mine", 0), store(tmp_path / "other", 1500)
    assert unit_file.install(str(mine), request(mine), "").changed
    (system / "relstore-recover.service").unlink()
    for user in ("", "root"):
        with pytest.raises(RefusedError, match=f"uid 1500 can change: {other}"):
            unit_file.install(str(other), request(other, user), "")
    assert not list(system.iterdir())
    assert unit_file.install(str(other), request(other, "nobody"), "").changed


@pytest.mark.root
def test_a_unit_that_systemd_has_not_read_yet_is_loaded_by_the_next_installation(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    shown = "LoadState=loaded\nNeedDaemonReload=yes\n"

    def run(words: Sequence[str], **_: object) -> ToolResult:
        ran.append(words[1])
        return ToolResult(0, shown, "")

    monkeypatch.setattr(tools, "run", run)
    wanted = request("/srv/web", "nobody")
    assert unit_file.install("/srv/web", wanted, "").changed
    assert unit_file.install("/srv/web", wanted, "").changed
    assert ran == ["daemon-reload", "enable", "show", "daemon-reload", "enable"]
    shown = "LoadState=loaded\nNeedDaemonReload=no\n"
    assert not unit_file.install("/srv/web", wanted, "").changed


@pytest.mark.root
def test_a_helper_that_others_can_write_is_refused_in_roots_own_store(system: Path, tmp_path: Path) -> None:
    mine = store(tmp_path / "mine", 0)
    (mine / "helpers/newest").chmod(0o666)
    with pytest.raises(RefusedError, match=r"other accounts can change: .*/newest"):
        unit_file.install(str(mine), request(mine), "")
    assert not system.exists()


def test_an_ordinary_account_installs_no_unit_of_roots(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1500)
    with pytest.raises(RefusedError, match="would run as root what uid 1500 can change") as caught:
        unit_file.install("/srv/web", request("/srv/web"), "")
    assert "--account" in caught.value.hint
    assert not system.exists()
