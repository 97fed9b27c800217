"""What a person gives to a unit beside its command, and what becomes of it in the file."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relstore.client import unit_text
from relstore.client.slot_units import slot_units
from relstore.client.unit_text import Service
from relstore.client.unit_values import Credential, EnvFile, StateDirectory
from relstore.errors import UsageError
from relstore.formats.cut_over import LINK, SOCKET, CutOver
from relstore.formats.names import AppName, TemplateName, UnitName

WEB = Service(AppName("web"), "/srv/web", "bin/web")
SLOTS = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)
ODD = Service(
    AppName("web"),
    "/srv/web",
    "bin/web",
    env_files=(EnvFile.parse("/etc/a b/100%.env"), EnvFile.parse("-/etc/x\\y$z")),
    credentials=(Credential.parse("db-password=/etc/web/50%:x"), Credential.parse("k=/run/a b")),
    state_directories=(StateDirectory.parse("web"), StateDirectory.parse("web/cache")),
    data=("/srv/data/plain", "/srv/da ta/$x%y\\\"'"),
)


def lines_of(what: Service) -> list[str]:
    return unit_text.service(what).splitlines()


def test_each_has_its_line() -> None:
    lines = lines_of(ODD)
    for line in (
        "EnvironmentFile=/etc/a b/100%%.env",
        "EnvironmentFile=-/etc/x\\y$z",
        "LoadCredential=db-password:/etc/web/50%%:x",
        "LoadCredential=k:/run/a b",
        "StateDirectory=web web/cache",
        "ReadWritePaths=-/srv/data/plain",
        'ReadWritePaths=-"/srv/da ta/$x%%y\\\\\\"\'"',
    ):
        assert line in lines


def test_without_any_the_unit_is_as_before() -> None:
    lines = lines_of(WEB)
    assert "StateDirectory=web" in lines
    assert not [line for line in lines if line.startswith(("Environment", "LoadCred", "ReadWrite"))]
    assert not [line for line in lines_of(replace(WEB, user=True)) if line.startswith("StateDirectory")]


def test_a_unit_of_the_account_has_them_too() -> None:
    lines = lines_of(replace(ODD, user=True))
    assert "EnvironmentFile=/etc/a b/100%%.env" in lines
    assert "LoadCredential=k:/run/a b" in lines
    assert "StateDirectory=web web/cache" in lines
    assert not [line for line in lines if line.startswith("ReadWritePaths")]  # nothing is read-only for it


@pytest.mark.parametrize("way", [LINK, SOCKET])
def test_so_have_both_slots_and_what_proves_a_release(way: str) -> None:
    trial = UnitName("web-trial.service") if way == SOCKET else None
    cut_over = SLOTS._replace(way=way, trial=trial)  # type: ignore[arg-type]
    runs = replace(ODD, env_files=(EnvFile.parse("/etc/web/{slot}.env"),))
    files = {file.name: file.text.splitlines() for file in slot_units(runs, cut_over)}
    assert "EnvironmentFile=/etc/web/%i.env" in files["web@.service"]
    for name in ["web@.service", *([trial] if trial else [])]:
        assert "LoadCredential=db-password:/etc/web/50%%:x" in files[name]
        assert "StateDirectory=web web/cache" in files[name]
    if trial:
        assert "EnvironmentFile=/etc/web/trial.env" in files[trial]


@pytest.mark.parametrize("user", [False, True])
def test_systemd_reads_them_back(tmp_path: Path, user: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here (Debian: systemd)")
    program = tmp_path / "store/apps/web/current/bin/web"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = unit_text.service(replace(ODD, root=str(tmp_path / "store"), user=user, account="root"))
    (tmp_path / "web.service").write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "web.service")]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    assert [line for line in said.splitlines() if "web.service" in line] == []


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (EnvFile, "etc/env", "no absolute path"),
        (EnvFile, "", "no absolute path"),
        (EnvFile, "~/env", "no absolute path"),
        (EnvFile, "--/etc/env", "no absolute path"),
        (EnvFile, "/etc/", "is not the path of a file"),
        (EnvFile, "/etc/../shadow", "is not the path of a file"),
        (EnvFile, "/etc/x/..", "is not the path of a file"),
        (EnvFile, "/etc/a\nExecStartPre=/bin/sh", "control characters"),
        (EnvFile, "/etc/a\\", "ends in what"),
        (EnvFile, "/etc/a ", "ends in what"),
        (Credential, "/etc/secret", "has no ="),
        (Credential, "=/etc/secret", "name of a credential"),
        (Credential, "a:b=/etc/secret", "name of a credential"),
        (Credential, "../x=/etc/secret", "name of a credential"),
        (Credential, "a b=/etc/secret", "name of a credential"),
        (Credential, "%h=/etc/secret", "name of a credential"),
        (Credential, "a=secret", "no absolute path"),
        (Credential, "n" * 256 + "=/x", "name of a credential"),
        (StateDirectory, "/var/lib/web", "name of a state directory"),
        (StateDirectory, "..", "name of a state directory"),
        (StateDirectory, "a/../b", "name of a state directory"),
        (StateDirectory, "a b", "name of a state directory"),
        (StateDirectory, "a:b", "name of a state directory"),
        (StateDirectory, "", "name of a state directory"),
        (StateDirectory, "private", "name of a state directory"),
        (StateDirectory, "private/x", "name of a state directory"),
        (StateDirectory, "%i", "name of a state directory"),
    ],
)
def test_what_systemd_would_not_take_is_refused(
    kind: type[EnvFile] | type[Credential] | type[StateDirectory], text: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        kind.parse(text)
