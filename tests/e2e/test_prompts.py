"""ssh asks a person at the terminal: a passphrase, and Ctrl-C in place of an answer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.dialogue import Dialogue
from tests.support.hosts.sshd import Sshd
from tests.support.user import User

pytestmark = pytest.mark.sshd

_ASKS = b"Enter passphrase for key"


@pytest.fixture
def locked(user: User, sshd: Sshd) -> Path:
    """The key that the host takes, locked by a passphrase."""
    user.may_log_in_to(sshd)
    key = user.home / "key"
    key.write_bytes(sshd.client_key.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
    config = user.home / ".ssh" / "config"
    config.write_text(config.read_text().replace(str(sshd.client_key), str(key)))
    return key


def test_a_passphrase_is_asked_for(locked: Path, user: User, sshd: Sshd) -> None:
    terminal = Dialogue(
        user, "status", "--ssh", "openssh", "--to", f"{sshd.user}@{sshd.host}:{sshd.port}:/nonexistent/store"
    )
    terminal.wait_for(lambda shown: _ASKS in shown)
    assert _ASKS in terminal.shown
    assert not terminal.echoes
    terminal.type(b"secret\n")
    code = terminal.code()
    assert b"there is no store at" in terminal.shown, terminal.shown
    assert code == 1


def test_ctrl_c_instead_of_a_passphrase(locked: Path, user: User, sshd: Sshd) -> None:
    terminal = Dialogue(
        user, "status", "--ssh", "openssh", "--to", f"{sshd.user}@{sshd.host}:{sshd.port}:/nonexistent/store"
    )
    terminal.wait_for(lambda shown: _ASKS in shown)
    terminal.type(b"\x03")
    terminal.wait_for(lambda shown: b"interrupted" in shown)
    assert terminal.echoes
    assert terminal.code() == 130
    assert b"Traceback" not in terminal.shown


def test_without_a_terminal_nothing_is_asked(locked: Path, user: User, sshd: Sshd) -> None:
    ran = user.run(
        "status", "--ssh", "openssh", "--to", f"{sshd.user}@{sshd.host}:{sshd.port}:/nonexistent/store"
    )
    assert ran.code == 6
    assert f"Locked by a passphrase and not in the agent: {locked}" in ran.err
