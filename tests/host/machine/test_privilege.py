"""What is made of sudo's answers, whichever sudo that is and whatever language it speaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from relstore.host.machine import sudo_path, tools
from relstore.host.machine.privilege import Privilege

# It understands what relstore uses of sudo, and speaks the words in $SAYS. ALLOWED is a pattern of command lines;
# FREE says whether those need no password; PASSWORD is the right one; TTY says whether it wants a terminal.
SUDO = """#!/bin/sh
echo "sudo $*" >>"$LOG"
[ -z "$WARNS" ] || echo "sudo: unable to resolve host web1: Name or service not known" >&2
deny() { [ -z "$SAYS" ] || echo "$SAYS" >&2; exit 1; }
if [ -n "$TTY" ] && ! (: </dev/tty) 2>/dev/null; then deny; fi
ask=yes list= validate=
while :; do
    case $1 in
        -n) ask=; shift ;;
        -S | -k) shift ;;
        -p) shift 2 ;;
        -l) list=yes; shift ;;
        -v) validate=yes; shift ;;
        --) shift; break ;;
        *) break ;;
    esac
done
if [ -z "$FREE" ] || { [ -n "$MIXED" ] && [ -z "$list" ]; }; then
    [ -n "$ask" ] || deny
    read -r given
    [ "$given" = "$PASSWORD" ] || deny
fi
[ -z "$validate" ] || exit 0
case "$*" in $ALLOWED) ;; *) deny ;; esac
[ -z "$list" ] || { echo "/usr/bin/$*"; exit 0; }
echo "ran $*" >>"$LOG"
exec "$@"
"""
RESTART = ("systemctl", "restart", "web.service")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ordinary account with that sudo, and a systemctl that does nothing. What was run is in the file."""
    for name, text in (("sudo", SUDO), ("systemctl", "#!/bin/sh\nexit ${FAILS:-0}\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PASSWORD", "secret")
    monkeypatch.setenv("ALLOWED", "systemctl restart *")
    for name in ("FREE", "MIXED", "TTY", "WARNS", "SAYS", "FAILS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1500)
    return tmp_path / "log"


def runs(log: Path) -> int:
    return log.read_text().count("ran systemctl")


SAYINGS = [
    "sudo: a password is required",
    "sudo: ein Passwort ist notwendig",
    "doas: Operation not permitted",
    "",
]


@pytest.mark.parametrize("says", SAYINGS)
@pytest.mark.parametrize(
    ("flags", "password", "words", "what", "hint"),
    [
        ("FREE", "", RESTART, None, ""),
        ("FREE", "", ("systemctl", "stop", "web"), "sudo does not allow this", "relstore sudoers"),
        ("FREE", "any", ("systemctl", "stop", "web"), "sudo does not allow this", "relstore sudoers"),
        ("", "", RESTART, "sudo needs a password, or a rule", "--ask-become-pass"),
        ("", "secret", RESTART, None, ""),
        ("", "secret", ("systemctl", "stop", "web"), "sudo does not allow this", "relstore sudoers"),
        ("", "wrong", RESTART, "sudo did not accept the password", "relstore sudoers"),
        ("TTY FREE", "", RESTART, "sudo wants a terminal", "Defaults:uid 1500 !requiretty"),
        ("TTY", "secret", RESTART, "sudo wants a terminal", "Defaults:uid 1500 !requiretty"),
    ],
)
def test_why_it_refuses_is_found_by_trying(
    says: str, flags: str, password: str, words: tuple[str, ...], what: str | None, hint: str,
    log: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SAYS", says)
    for flag in flags.split():
        monkeypatch.setenv(flag, "yes")
    privilege = Privilege("sudo", password)
    refusal = privilege.refusal(words)
    assert runs(log) == 0
    result = privilege.run(words, seconds=5)
    if what is None:
        assert refusal is None
        assert (result.code, runs(log)) == (0, 1)
    else:
        assert refusal is not None
        assert what in refusal.what
        assert hint in refusal.hint
        assert result.code != 0
        assert what in result.said
        assert runs(log) == 0


@pytest.mark.parametrize(("flags", "password"), [("FREE", ""), ("FREE", "secret"), ("", "secret")])
def test_a_command_that_fails_by_itself_is_not_run_again(
    flags: str, password: str, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", "1")
    if flags:
        monkeypatch.setenv(flags, "yes")
    assert Privilege("sudo", password).run(RESTART, seconds=5).code == 1
    assert runs(log) == 1


def test_a_password_for_the_command_alone_shows_when_something_harmless_is_run(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sudo lists without a password when any other rule needs none."""
    monkeypatch.setenv("FREE", "yes")
    assert Privilege("sudo").asks_for(RESTART) is None
    monkeypatch.setenv("MIXED", "yes")
    assert Privilege("sudo").refusal(RESTART) is None
    refusal = Privilege("sudo").asks_for(RESTART)
    assert refusal is not None
    assert refusal.what == "sudo needs a password"
    assert Privilege("sudo", "secret").asks_for(RESTART) is None
    assert Privilege("sudo", "secret").run(RESTART, seconds=5).code == 0


def test_a_warning_is_not_the_reason(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARNS", "yes")
    refusal = Privilege("sudo").refusal(RESTART)
    assert refusal is not None
    assert "resolve host" not in refusal.what
    monkeypatch.setenv("FREE", "yes")
    monkeypatch.setenv("FAILS", "4")
    assert Privilege("sudo").run(RESTART, seconds=5).said == "exit code 4"


def test_without_sudo_it_says_so(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (log.parent / "sudo").unlink()
    monkeypatch.setenv("PATH", str(log.parent))
    refusal = Privilege("sudo").refusal(RESTART)
    assert refusal is not None
    assert refusal.what == "sudo is not installed"


def test_the_path_of_a_tool_is_the_one_that_sudo_resolves(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREE", "yes")
    monkeypatch.setenv("ALLOWED", "*")
    assert sudo_path.tool_path("systemctl") == "/usr/bin/systemctl"
    monkeypatch.setenv("ALLOWED", "nothing")
    (log.parent / "bin").mkdir()
    (log.parent / "bin/systemctl").symlink_to(log.parent / "systemctl")
    monkeypatch.setattr(sudo_path, "_SECURE_PATH", f"/nowhere:{log.parent}/bin:/usr/bin")
    assert sudo_path.tool_path("systemctl") == f"{log.parent}/bin/systemctl"
    assert sudo_path.tool_path("no-such-tool") == ""


def test_a_terminal_is_there_only_when_asked_for() -> None:
    look = ["sh", "-c", "(: </dev/tty) 2>/dev/null && echo yes || echo no; cat"]
    assert tools.run(look, seconds=5, given=b"in", terminal=True).out == "yes\nin"
    assert tools.run(["setsid", "-w", *look], seconds=5, given=b"in").out == "no\nin"
