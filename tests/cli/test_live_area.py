"""The lines of the hosts while a command works, and what is left of them."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from relstore.cli.host_lines import HostLines
from tests.support.terminal import Screen


def test_a_line_says_what_the_host_does_and_for_how_long() -> None:
    lines = HostLines(["web1", "database1"], 0.0)
    assert lines.shown(0.5, 80, 24) == ["web1       connecting", "database1  connecting"]
    lines.remark("web1", "sending", "1 B of 2 B", 1.0)
    lines.remark("web1", "sending", "2 B of 2 B", 4.0)
    assert lines.shown(5.0, 80, 24) == ["web1       sending 4 s, 2 B of 2 B", "database1  connecting 5 s"]
    lines.step("web1", "checking", 6.0)
    lines.end("database1", "active", 6.0)
    assert lines.shown(18.0, 80, 24) == ["web1       checking 12 s", "database1  active"]
    assert lines.shown(18.0, 12, 24) == ["web1...", "database1..."]


def test_hosts_that_are_done_give_way() -> None:
    lines = HostLines([f"web{number}" for number in range(10)], 0.0)
    for number in range(8):
        lines.end(f"web{number}", "active", 1.0)
    assert [line.split()[0] for line in lines.shown(1.0, 80, 6)] == ["web8", "web9", "web0", "and"]
    assert lines.shown(1.0, 80, 6)[-1] == "and 7 more hosts"


@pytest.mark.parametrize("host", ["evil\x1b[2J", "a\nb"])
def test_a_host_cannot_move_the_cursor(host: str) -> None:
    (line,) = HostLines([host], 0.0).shown(0.0, 80, 24)
    assert line.isprintable()


def test_the_lines_are_gone_at_the_end_and_a_sum_is_left(tmp_path: Path) -> None:
    (tmp_path / "web").write_text("x" * 100)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "TERM": "xterm",
        "NO_COLOR": "1",
        "RELSTORE_APP": "web",
    }
    words = ["push", "web", "--to", str(tmp_path / "srv"), "--restart", "echo begins; sleep 2.5; echo ends"]
    screen, seen = Screen(), set()
    with subprocess.Popen(
        [sys.executable, "-m", "relstore", *words, "--health-command", "true"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=tmp_path,
    ) as process:  # fmt: skip
        os.close(theirs)
        while True:
            try:
                data = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody has the other end open
                break
            screen.feed(data.decode())
            seen.update(screen.lines)
    os.close(ours)
    assert process.returncode == 0
    assert "this machine  restarting 1 s" in seen
    restarting, begins, ends, total, active, last = screen.lines
    assert (restarting, last) == ("  | relstore: restarting for generation 1", "")
    assert (begins, ends) == ("  | begins", "  | ends")
    assert total.startswith("1 host, 100 B, ")
    assert total.endswith(" s")
    assert active.startswith("generation 1 is active: web on this machine")


def test_many_hosts_have_one_line_and_those_that_work() -> None:
    lines = HostLines([f"web{number}" for number in range(40)], 0.0)
    shown = lines.shown(1.0, 80, 24)
    assert shown[0] == "40 hosts: 40 connecting"
    assert len(shown) == 12
    assert shown[-1] == "  and 30 more that work"
    for number in range(40):
        lines.end(f"web{number}", "has the build", 1.0)
    lines.step("web7", "restarting", 1.0)
    lines.head = "wave 2 of 4: 3 active, 1 activating, 36 staged"
    assert lines.shown(4.0, 80, 24) == [
        "40 hosts: wave 2 of 4: 3 active, 1 activating, 36 staged",
        "  web7  restarting 3 s",
    ]
    assert lines.shown(4.0, 20, 2) == ["40 hosts: wave 2..."]
