"""The texts of units and of the rule for sudo, held against systemd and sudo themselves where they are there."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from relstore.client import unit_text as unit_file
from relstore.client.unit_text import Service
from relstore.errors import UsageError
from relstore.formats import systemctl
from relstore.formats.cut_over import LINK, CutOver
from relstore.formats.names import AppName, TemplateName, UnitName

SYSTEMCTL = ("/usr/bin/systemctl",)
WEB = Service(AppName("web"), "/srv/web", "bin/web")


def lines_of(what: Service) -> list[str]:
    return unit_file.service(what).splitlines()


def test_it_runs_through_the_link() -> None:
    lines = lines_of(replace(WEB, arguments=("--port", "80")))
    assert "ExecStart=/srv/web/apps/web/current/bin/web --port 80" in lines
    assert "DynamicUser=yes" in lines
    assert "WantedBy=multi-user.target" in lines


@pytest.mark.parametrize(
    ("argument", "written"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ("", '""'),
        ('say "x"', '"say \\"x\\""'),
        ("it's", '"it\'s"'),
        ("50%", '"50%%"'),
        ("$HOME", '"$$HOME"'),
        ("back\\slash", '"back\\\\slash"'),
        ("a;b", '"a;b"'),
        ("é", "é"),
    ],
)
def test_words_are_written_so_that_systemd_reads_them_back(argument: str, written: str) -> None:
    assert f"ExecStart=/srv/web/apps/web/current/bin/web {written}" in lines_of(
        replace(WEB, arguments=(argument,))
    )


@pytest.mark.parametrize("bad", ["a\nb", "a\x1b[31m", "\x7f", "a\rb"])
def test_what_no_unit_can_hold_is_refused(bad: str) -> None:
    for what in (replace(WEB, arguments=(bad,)), replace(WEB, program=bad), replace(WEB, account=bad)):
        with pytest.raises(UsageError, match="control characters"):
            unit_file.service(what)


@pytest.mark.parametrize(
    ("root", "home", "tmp"),
    [("/srv/web", "yes", "yes"), ("/home/deploy/web", "read-only", "yes"), ("/tmp/web", "yes", "no")],
)
def test_it_sees_its_own_store(root: str, home: str, tmp: str) -> None:
    lines = lines_of(replace(WEB, root=root))
    assert f"ProtectHome={home}" in lines
    assert f"PrivateTmp={tmp}" in lines


def test_whom_it_runs_as() -> None:
    assert "User=web" in lines_of(replace(WEB, account="web"))
    own = lines_of(replace(WEB, user=True))
    assert not [line for line in own if line.startswith(("User=", "DynamicUser=", "Protect", "Private"))]
    assert "WantedBy=default.target" in own


def test_the_recovery_unit_runs_as_the_account_that_deploys() -> None:
    text = unit_file.recovery("/srv/web", "/usr/bin/python3", account="deploy", user=False)
    assert "User=deploy" in text.splitlines()
    own = unit_file.recovery("/srv/web", "/usr/bin/python3", account="deploy", user=True)
    assert "User=" not in own
    with pytest.raises(UsageError, match="no account for the unit"):
        unit_file.recovery("/srv/web", "/usr/bin/python3", account="", user=False)
    with pytest.raises(UsageError, match="which python3"):
        unit_file.recovery("/srv/web", "", account="deploy", user=False)


def verify(directory: Path, name: str, text: str) -> str:
    """What ``systemd-analyze verify`` has against a unit."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here (Debian: systemd)")
    (directory / name).write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(directory / name)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("account", ["", "root"])
def test_systemd_has_nothing_against_it(account: str, tmp_path: Path) -> None:
    program = tmp_path / "store/apps/web/current/bin/web"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    what = Service(AppName("web"), str(tmp_path / "store"), "bin/web", ("a b", "50%", "$X"), account)
    said = verify(tmp_path, "web.service", unit_file.service(what))
    assert [line for line in said.splitlines() if "web.service" in line] == []
    recovery = unit_file.recovery("/srv/web", "/usr/bin/env", account="root", user=False)
    said = verify(tmp_path, "relstore-recover.service", recovery)
    assert [line for line in said.splitlines() if "relstore-recover" in line] == []


def test_the_rule_allows_exactly_what_is_done() -> None:
    text = unit_file.sudoers("deploy", [UnitName("web@1.service")], "reload", paths=SYSTEMCTL)
    rules = [line.strip().rstrip(", \\") for line in text.splitlines() if "systemctl" in line]
    assert rules == [
        "/usr/bin/systemctl reload web@1.service",
        "/usr/bin/systemctl restart web@1.service",
        "/usr/bin/systemctl restart --no-block web@1.service",
        "/usr/bin/systemctl stop web@1.service",
        "/usr/bin/systemctl reset-failed web@1.service",
        "/usr/bin/systemctl kill --signal\\=KILL web@1.service",
    ]


def test_a_host_that_is_not_known_may_have_systemctl_in_either_place() -> None:
    unit = UnitName("web.service")
    text = unit_file.sudoers("deploy", [unit], "restart", paths=("/usr/bin/systemctl", "/bin/systemctl"))
    for path in ("/usr/bin", "/bin"):
        for words in systemctl.commands("restart"):
            assert f"    {path}/systemctl {' '.join(words)} {unit}".replace("=", "\\=") in text


@pytest.mark.parametrize("unit", ["web.service", r"dev-foo\x2dbar.service", "a:b@c.service"])
def test_sudo_has_nothing_against_it(unit: str) -> None:
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin")
    if visudo is None:
        pytest.skip("no visudo here (Debian: sudo)")
    text = unit_file.sudoers(
        "deploy",
        [UnitName.parse(unit), UnitName("other.service")],
        "restart",
        paths=("/usr/bin/systemctl", "/bin/systemctl"),
    )
    done = subprocess.run([visudo, "-cf", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("account", ["", "a b", "ALL", "%wheel", "x,y", "#0", "a\nb"])
def test_no_rule_for_what_is_no_account(account: str) -> None:
    with pytest.raises(UsageError):
        unit_file.sudoers(account, [UnitName("web.service")], "restart", paths=SYSTEMCTL)


SLOTS = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)


def test_the_rule_for_a_trial_has_what_is_done_with_it_and_no_more() -> None:
    trial = UnitName("web-trial.service")
    rule = unit_file.sudoers("deploy", (SLOTS.unit("a"),), "restart", SYSTEMCTL, slots=True, trial=trial)
    commands = [
        line.strip().rstrip(", \\") for line in rule.splitlines() if line.strip(", \\").endswith(trial)
    ]
    assert commands == [
        f"{SYSTEMCTL[0]} {' '.join(words)} {trial}".replace("=", "\\=")
        for words in systemctl.trial_commands()
    ]


def test_the_rule_for_slots_has_what_is_done_with_each() -> None:
    units = tuple(SLOTS.unit(slot) for slot in ("a", "b"))
    rule = unit_file.sudoers("deploy", units, "restart", SYSTEMCTL, slots=True)
    for unit in units:
        for words in systemctl.slot_commands():
            assert f"{SYSTEMCTL[0]} {' '.join(words)} {unit}".replace("=", "\\=") in rule
