"""What stands on a terminal while a push works at one, two and twelve hosts, and what is left of it.

The texts are in tests/golden/terminal; RELSTORE_WRITE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support import tmux as terminals
from tests.support.hosts.sshd import Sshd, public_directory

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "terminal"
ROWS = 24
WIDTHS = (60, 80, 140)
LAST = {1: 80, 2: 60, 12: 140}
"""How wide the terminal is at the end, by the number of hosts."""
BLOCKED = {1: 1, 2: 2, 12: 3}
"""Which host's restart lasts until the pictures are taken, by the number of hosts."""
RESTART = "while [ -e ../wait-$(basename $PWD) ]; do sleep 0.1; done"

pytestmark = [
    pytest.mark.sshd,
    pytest.mark.skipif(terminals.PROGRAM is None, reason="tmux is not installed"),
]


@pytest.fixture
def srv(sshd: Sshd) -> Iterator[Path]:
    with public_directory() as directory:
        if sshd.user != getpass.getuser():
            shutil.chown(directory, sshd.user)
        yield directory


def _steady(shown: str, srv: Path) -> str:
    """Without what differs from run to run; the lines stay as wide as they were."""
    shown = shown.replace(str(srv), f"/srv/{'x' * (len(str(srv)) - 5)}"[: len(str(srv))])
    shown = re.sub(r"(restarting) \d+ s", r"\1 9 s", shown)
    return re.sub(r"(?m)\d+\.\d s$", "9.9 s", shown)


def _compare(name: str, shown: str, columns: int) -> None:
    folded = [line for line in shown.splitlines() if cell_len(line) > columns]
    assert not folded
    golden = GOLDEN / f"{name}-{columns}.txt"
    if os.environ.get("RELSTORE_WRITE_GOLDEN") == "1":
        golden.write_text(shown)
    assert shown == golden.read_text()


@pytest.mark.parametrize("count", BLOCKED)
def test_a_push_while_it_works_and_after(count: int, sshd: Sshd, srv: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / "web").write_text("x" * 50)
    hosts = [f"web{number}" for number in range(1, count + 1)]
    config = f"Host {' '.join(hosts)}\n    HostName {sshd.host}\n    Port {sshd.port}\n"
    (home / ".ssh" / "config").write_text(config + sshd.config.read_text())
    blocker = srv / f"wait-web{BLOCKED[count]}"
    blocker.touch()
    targets = [word for host in hosts for word in ("--to", f"{host}:{srv}/{host}")]
    environment = {
        "HOME": str(home),
        "TERM": "tmux-256color",
        "NO_COLOR": "1",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "RELSTORE_CACHE_DIR": str(home / "cache"),
        "RELSTORE_STATE_DIR": str(home / "state"),
    }
    options = ("--app", "web", "--restart", RESTART, "--health-command", "true")
    words = [sys.executable, "-m", "relstore", "push", "web", *options, *targets]
    with public_directory() as directory, terminals.tmux(directory, environment) as terminal:
        terminal.start(words, WIDTHS[0], ROWS, home)
        for columns in WIDTHS:
            terminal.resize(columns, ROWS)
            line = rf"(?m)^web{BLOCKED[count]} .*restarting \d+ s$"
            terminal.wait_for(lambda shown, line=line: re.search(line, shown) is not None)
            _compare(f"push-{count}", _steady(terminal.screen(), srv), columns)
        terminal.resize(LAST[count], ROWS)
        blocker.unlink()
        terminal.wait_until_it_ended()
        _compare(f"pushed-{count}", _steady(terminal.screen(), srv), LAST[count])
