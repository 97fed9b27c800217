"""Start-up is lean: what a command does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

_HEAVY = (
    "asyncio",
    "asyncssh",
    "blake3",
    "json",
    "msgpack",
    "numpy",
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


def test_what_only_prints_imports_next_to_nothing() -> None:
    assert not imported("--version") & set(_HEAVY)


def test_a_store_on_this_machine_needs_no_ssh() -> None:
    assert "asyncssh" not in imported("status", "--to", "./nothing")
    assert "asyncio" in imported("status", "--to", "./nothing")


def test_the_persons_own_ssh_needs_no_asyncssh() -> None:
    assert "asyncssh" not in imported("status", "--to", "nosuch.invalid:/srv", "--ssh", "openssh")
    assert "asyncssh" in imported("status", "--to", "nosuch.invalid:/srv", "--ssh", "asyncssh")
