"""``relstore logs`` on hosts with a real journal: whose lines, in which order, and what ends with the client."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.user import PROGRAM
from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import as_root

pytestmark = pytest.mark.root

TALKER = """\
[Service]
ExecStart=/bin/sh -c 'echo first line of $NAME; printf "evil \\033[2J\\n"; while read word; do echo "$word"; done <> /run/talk'
Environment=NAME=%n
"""
KEYS = ("--unit", "talker", "--app", "web")


@pytest.fixture(scope="module")
def reader(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    directory = tmp_path_factory.mktemp("logs")
    files = {"/etc/systemd/system/talker.service": TALKER, "/etc/systemd/system/talker@.service": TALKER}
    host = SystemdHost.start(directory, network, "talks", "10.99.1.45", files=files)
    try:
        host.wait_running()
        host.run("usermod", "-aG", "systemd-journal", "deploy")
        host.run("mkfifo", "/run/talk")
        host.run("systemctl", "start", "talker")
        deployer = Deployer.at(host, directory / "home", "deploy")
        wait_for_line(deployer, "first line")
        yield deployer
    finally:
        host.stop()


def wait_for_line(deployer: Deployer, text: str, *words: str) -> None:
    deadline = time.monotonic() + 60
    while text not in deployer.run("logs", *(words or KEYS)).out:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def say(host: SystemdHost, words: str) -> None:
    """Let the unit say it."""
    host.run("sh", "-c", "exec 3<>/run/talk; cat >&3", input=f"{words}\n")


def journalctls(host: SystemdHost) -> int:
    return len(host.run("pgrep", "-x", "journalctl", check=False).stdout.split())


def wait_until_none_reads(host: SystemdHost, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while journalctls(host):
        assert time.monotonic() < deadline, "journalctl goes on"
        time.sleep(0.2)


def test_the_lines_of_a_unit_and_what_systemd_says_of_it(reader: Deployer) -> None:
    lines = reader.does("logs", *KEYS).out.splitlines()
    assert any(line.endswith("talker: first line of talker.service") for line in lines)
    assert any("systemd: Started" in line for line in lines)
    assert any(line.endswith("talker: evil \\x1b[2J") for line in lines)
    assert reader.does("logs", *KEYS, "-n", "1").out.splitlines() == lines[-1:]
    documents = [json.loads(line) for line in reader.does("logs", *KEYS, "--json").out.splitlines()]
    (first,) = [each for each in documents if each["message"].startswith("first line")]
    assert first["target"] == "talks:/srv/web"
    assert (first["unit"], first["priority"]) == ("talker", 6)
    assert first["pid"] > 0


def test_since(reader: Deployer) -> None:
    assert "first line" in reader.does("logs", *KEYS, "--since", "1h").out
    time.sleep(2.1)
    assert reader.does("logs", *KEYS, "--since", "1s").out == ""


def test_both_slots(reader: Deployer) -> None:
    reader.host.run("systemctl", "start", "talker@a", "talker@b")
    keys = ("--unit", "talker@", "--app", "web")
    wait_for_line(reader, "talker@b: first line of talker@b.service", *keys)
    wait_for_line(reader, "talker@a: first line of talker@a.service", *keys)
    assert "talker: first" not in reader.does("logs", *keys).out
    reader.host.run("systemctl", "stop", "talker@a", "talker@b")


def test_each_host_shows_the_units_that_it_is_set(reader: Deployer, tmp_path: Path) -> None:
    reader.host.run("systemctl", "start", "talker@a")
    wait_for_line(reader, "first line of talker@a.service", "--unit", "talker@", "--app", "web")
    config = tmp_path / "relstore.toml"
    config.write_text(
        'app = "web"\nunit = "talker"\n[hosts]\n'
        'one = "talks:/srv/web"\ntwo = { to = "talks:/srv/two", unit = "talker@" }\n'
    )
    words = [*reader.host.network.prefix, *PROGRAM, "logs", "--config", str(config), "--json"]
    try:
        ran = subprocess.run(
            words,
            cwd=reader.user.home,
            env=reader.user.environment,
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        reader.host.run("systemctl", "stop", "talker@a")  # it would read what others are to say
    said: dict[str, str] = {}
    for line in map(json.loads, ran.stdout.splitlines()):
        said[line["target"]] = said.get(line["target"], "") + f"{line['message']}\n"
    assert "first line of talker.service" in said["talks:/srv/web"]
    assert "talker@" not in said["talks:/srv/web"]
    assert "first line of talker@a.service" in said["talks:/srv/two"]
    assert "first line of talker.service" not in said["talks:/srv/two"]


def test_a_closed_journal_says_what_opens_it(reader: Deployer) -> None:
    reader.host.run("gpasswd", "-d", "deploy", "systemd-journal")
    try:
        ran = reader.run("logs", *KEYS)
        assert ran.code == 1
        assert "deploy may not read the journal of talker.service" in ran.err
        assert "usermod -aG systemd-journal deploy" in ran.err
    finally:
        reader.host.run("usermod", "-aG", "systemd-journal", "deploy")


def test_a_flood_and_long_lines_are_bounded(reader: Deployer) -> None:
    flood = (
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'seq 3000; head -c 30000 /dev/zero | tr \"\\\\0\" x'\n"
    )
    as_root(reader.host, "/etc/systemd/system/flood.service", flood)
    reader.host.run("systemctl", "start", "flood")
    keys = ("--unit", "flood", "--app", "web")
    wait_for_line(reader, "xxx", *keys)
    lines = reader.does("logs", *keys, "-n", "20").out.splitlines()
    assert len(lines) == 20
    assert max(map(len, lines)) < 4100
    assert len(reader.does("logs", *keys, "-n", "2500").out.splitlines()) == 2500


class Following:
    """``relstore logs -f`` under way, and the lines that it has shown."""

    def __init__(self, deployer: Deployer) -> None:
        self.process = deployer.start("logs", "-f", *KEYS)
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not any(text in line for line in list(self.lines)):
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)

    def end(self, how: int) -> tuple[int, str]:
        self.process.send_signal(how)
        code = self.process.wait(30)
        self._thread.join(10)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        with self.process.stdout, self.process.stderr as errors:
            return code, errors.read()


def test_new_lines_come_until_ctrl_c(reader: Deployer) -> None:
    following = Following(reader)
    following.wait_for("talker")
    say(reader.host, "hot off the press")
    following.wait_for("talker: hot off the press")
    assert journalctls(reader.host) == 1
    assert following.end(signal.SIGINT) == (0, "")
    wait_until_none_reads(reader.host)


def test_no_line_is_lost_or_shown_twice_between_two_rounds(reader: Deployer) -> None:
    """The host is asked again after 20 s."""
    following = Following(reader)
    following.wait_for("talker")
    words = [f"round {number:03d}" for number in range(50)]
    for word in words:
        say(reader.host, word)
        time.sleep(0.45)
    following.wait_for(words[-1])
    following.end(signal.SIGINT)
    assert [line.partition("talker: ")[2] for line in following.lines if "round" in line] == words


def test_a_client_that_is_killed_leaves_nothing_running(reader: Deployer) -> None:
    following = Following(reader)
    following.wait_for("talker")
    following.end(signal.SIGKILL)
    wait_until_none_reads(reader.host)


def test_a_link_that_is_cut_leaves_nothing_running_for_long(reader: Deployer) -> None:
    following = Following(reader)
    following.wait_for("talker")
    reader.host.network.cut(reader.host)
    try:
        wait_until_none_reads(reader.host, 60)
    finally:
        following.end(signal.SIGKILL)
        reader.host.network.join(reader.host)


def test_the_jobs_log_where_there_is_no_unit(reader: Deployer, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("x")
    reader.host.run("install", "-d", "-o", "deploy", "/srv/web")
    nothing = reader.run("logs", "--app", "web")
    assert nothing.code == 1
    reader.does("push", tmp_path / "page", "--app", "web", "--restart", "echo moved; echo on")
    assert reader.does("logs").out.splitlines()[-2:] == ["job: moved", "job: on"]


def test_a_pipe_that_nobody_reads_ends_it(reader: Deployer) -> None:
    process = reader.start("logs", "-f", *KEYS)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    try:
        assert process.wait(30) in (0, 74)
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    wait_until_none_reads(reader.host)


def test_a_host_that_is_lost_ends_alone(reader: Deployer) -> None:
    ran = reader.run("logs", *KEYS, "--to", "deploy@127.0.0.1:1:/srv/web")
    assert ran.code == 4
    assert "first line" in ran.out
    assert all(" | " in line for line in ran.out.splitlines())
