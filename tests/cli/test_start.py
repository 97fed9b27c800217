"""Start-up is lean: what a command does not need is not imported."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

_HEAVY = (
    "asyncio",
    "asyncssh",
    "blake3",
    "ctypes",
    "json",
    "msgpack",
    "platformdirs",
    "rich",
    "subprocess",
    "tempfile",
)
_SAYS = "import sys; from relstore.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: print(*sys.modules)"


def imported(*words: str) -> set[str]:
    """The modules that are there when the command has ended."""
    ran = subprocess.run([sys.executable, "-c", _SAYS, *words], capture_output=True, text=True, check=True)
    return set(ran.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("help",)])
def test_what_only_prints_imports_next_to_nothing(words: tuple[str, ...]) -> None:
    there = imported(*words)
    assert not there & set(_HEAVY)
    assert {name for name in there if name.startswith("relstore.cli.commands.")} <= {
        "relstore.cli.commands.help"
    }


def test_a_store_on_this_machine_needs_no_ssh() -> None:
    assert "asyncssh" not in imported("status", "--to", "./nothing")
    assert "asyncio" in imported("status", "--to", "./nothing")


def test_a_switch_loads_nothing_that_only_a_push_or_a_check_from_outside_needs() -> None:
    there = imported("switch-generation", "1", "--to", "./nothing")
    assert "relstore.client.fleet.switch" in there
    assert not there & {
        "urllib.request",
        "email",
        "relstore.client.transfer.upload",
        "relstore.client.artifact.scan",
    }


def test_the_persons_own_ssh_needs_no_asyncssh() -> None:
    assert "asyncssh" not in imported("status", "--to", "nosuch.invalid:/srv", "--ssh", "openssh")
    assert "asyncssh" in imported("status", "--to", "nosuch.invalid:/srv", "--ssh", "asyncssh")


_WHEN_SSH_STARTS = """
import sys
from relstore.client.connection.transport.openssh.process import SSHProcess
def start(*_):
    print(*sys.modules)
    raise SystemExit
SSHProcess.start = start
from relstore.cli.main import main
main(sys.argv[1:])
"""


def test_a_push_starts_ssh_before_it_loads_itself(tmp_path: Path) -> None:
    artifact = tmp_path / "web"
    artifact.write_text("x")
    words = ["push", str(artifact), "--to", "nosuch.invalid:/srv", "--ssh", "openssh"]
    ran = subprocess.run(
        [sys.executable, "-c", _WHEN_SSH_STARTS, *words], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "relstore.cli.commands.push" in loaded
    assert not loaded & {"asyncio", "asyncssh", "relstore.client.artifact.scan", "relstore.protocol"}


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("list-generations",),
        ("switch-generation", "-1"),
        ("rollback",),
        ("restart", "--restart", "true"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_that_begins_with_its_hosts_starts_ssh_before_it_loads_itself(
    words: tuple[str, ...],
) -> None:
    command = [*words, "--to", "nosuch.invalid:/srv", "--ssh", "openssh"]
    ran = subprocess.run(
        [sys.executable, "-c", _WHEN_SSH_STARTS, *command], capture_output=True, text=True, check=True
    )
    loaded = set(ran.stdout.split())
    assert "click" in loaded
    assert not loaded & {"asyncio", "asyncssh", "relstore.protocol", "relstore.cli.progress", "msgpack"}


def test_no_ssh_is_started_before_a_person_was_asked_for_a_password() -> None:
    """Otherwise two programs may ask at one terminal."""
    words = ["switch-generation", "-1", "--to", "nosuch.invalid:/srv", "--ssh", "openssh"]
    asks = (
        "import getpass\ndef ask(*_): raise SystemExit('asked')\ngetpass.getpass = ask\n" + _WHEN_SSH_STARTS
    )
    ran = subprocess.run(
        [sys.executable, "-c", asks, *words, "--ask-become-pass", "--unit", "web"],
        capture_output=True,
        text=True,
    )
    assert ran.stderr.strip() == "asked"
    assert ran.stdout == ""


def test_an_ssh_that_nobody_waits_for_is_ended(tmp_path: Path) -> None:
    """The command line turns out to be wrong after ssh was started."""
    (tmp_path / "web").write_text("x")
    pid = tmp_path / "pid"
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ > {pid}.new\nmv {pid}.new {pid}\nexec sleep 600\n")
    ssh.chmod(0o755)
    words = ["push", str(tmp_path / "web"), "--to", "nosuch.invalid:/srv", "-m", "x" * 5000]
    ran = subprocess.run(
        [sys.executable, "-m", "relstore", *words, "--ssh", "openssh"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert "the note has 5000 characters" in ran.stderr
    time.sleep(0.1)
    if pid.exists():  # it may have been ended before it could write that
        assert not Path(f"/proc/{pid.read_text().strip()}").exists()
