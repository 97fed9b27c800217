"""Start-up is lean: what a command does not need is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
