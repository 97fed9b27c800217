"""What a person sees of a rollout over 12 and over 200 hosts: while it goes on and when it has ended, at three widths.

The fleet is played (``rollout_stage``). The texts are in tests/golden/terminal; RELSTORE_WRITE_GOLDEN=1 writes them anew.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.support.terminal import Screen, all_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "terminal"
ROOT = Path(__file__).resolve().parents[2]
_CONFIG = """\
app = "web"
artifact = "site"
health-command = "true"

[rollout]
waves = ["10%", "50%", "100%"]
max-failures = 1

[hosts]
"""
SCREENS = {
    # name: how many hosts, what they do, and after how many events to look; 0: at the end
    "rollout-12-wave": (12, "bad", 6),
    "rollout-12-reverting": (12, "bad", 18),
    "rollout-12-reverted": (12, "bad", 0),
    "rollout-12-done": (12, "good", 0),
    "rollout-200-wave": (200, "bad", 15),
    "rollout-200-reverting": (200, "bad", 30),
    "rollout-200-reverted": (200, "bad", 0),
    "rollout-200-unreachable": (200, "unreachable", 0),
    "rollout-200-done": (200, "good", 0),
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/index.html").write_text("1")
    for count in (12, 200):
        hosts = "".join(f'web{n} = "deploy@web{n}.example.org:/srv/web"\n' for n in range(1, count + 1))
        (tmp_path / f"fleet-{count}.toml").write_text(_CONFIG + hosts)
    return tmp_path


def words(directory: Path, count: int, case: str, stop: int) -> list[str]:
    stage = [sys.executable, "-m", "tests.cli.rollout_stage", case, str(stop)]
    return [*stage, "--config", str(directory / f"fleet-{count}.toml"), "push", str(directory / "site")]


def environment(directory: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(directory),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }


def screen(command: list[str], columns: int, directory: Path) -> str:
    """What stands on the terminal when the program is gone."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(directory), cwd=directory
    ):
        os.close(theirs)
        shown = Screen()
        shown.feed(all_of(ours))
    os.close(ours)
    text = re.sub(r"(?m)^(\d+ hosts, )\d+\.\d s$", r"\g<1>9.9 s", "\n".join(shown.lines))
    return re.sub(r"(?m)(checking|generation 39) \d+ s$", r"\1", text)  # on a machine that is slow now


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("name", SCREENS)
def test_a_rollout_fits_the_terminal(name: str, columns: int, directory: Path) -> None:
    shown = screen(words(directory, *SCREENS[name]), columns, directory)
    assert max(map(cell_len, shown.splitlines())) <= columns
    golden = GOLDEN / f"{name}-{columns}.txt"
    if os.environ.get("RELSTORE_WRITE_GOLDEN") == "1":
        golden.write_text(shown)
    assert shown == golden.read_text()


def test_a_pipe_gets_a_line_for_each_phase_wave_and_failure(directory: Path) -> None:
    command = words(directory, 200, "bad", 0)
    ran = subprocess.run(
        command, env=environment(directory), cwd=directory, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3, ran.stderr
    told = ran.stderr.partition("\nerror:")[0].splitlines()
    assert [line.partition(": generation")[0] for line in told] == [
        "wave 1 of 4: 1 host: web1",
        "wave 2 of 4: 19 hosts: web2, web3, web4, web5, web6, web7 and 13 more",
        "web7: failed",
        "web9: failed",
        "reverting, because the release failed on 2 hosts; the limit is 1: 18 hosts: web1, web2, web3, web4, web5, "
        "web6 and 12 more",
        "reverted, because the release failed on 2 hosts; the limit is 1: 18 withdrawn, 2 failed, 180 staged",
    ]
    assert len(ran.stdout.splitlines()) == 5


def test_a_pipe_hears_that_it_still_lives(directory: Path) -> None:
    command = words(directory, 200, "slow", 0)
    ran = subprocess.run(
        command, env=environment(directory), cwd=directory, capture_output=True, text=True, check=True
    )
    assert "still in wave 1 of 4: 1 activating, 199 staged\n" in ran.stderr
    assert "200 of 200 hosts run build 070707070707, commit 012345678\n" in ran.stdout
