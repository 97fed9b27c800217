"""Many real sshds: behind a jump host that turns logins away, with few open files, and what is read for each."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.hosts.fleet import FleetHost, fleet
from tests.support.hosts.sshd import Sshd, public_directory
from tests.support.user import PROGRAM, TIMEOUT_S, User, make_site

HOSTS = 40
BEHIND = 24
FEW_FILES = 96

WATCHED = """\
import sys, runpy
log = open({log!r}, "a", buffering=1)
def note(event, arguments):
    if event == "open":
        log.write(f"{{arguments[0]}}\\n")
    elif event == "subprocess.Popen" and "-G" in arguments[1]:
        log.write("ssh -G\\n")
sys.addaudithook(note)
runpy.run_module("relstore", run_name="__main__")
"""


@pytest.fixture(scope="module")
def module_user(tmp_path_factory: pytest.TempPathFactory) -> User:
    return User.create(tmp_path_factory.mktemp("many") / "home")


@pytest.fixture(scope="module")
def servers(need_sshd: None, module_user: User) -> Iterator[list[FleetHost]]:
    with fleet(HOSTS, module_user) as hosts:
        yield hosts


@pytest.fixture
def web(servers: list[FleetHost], tmp_path: Path) -> list[FleetHost]:
    """Hosts whose stores are empty."""
    return [FleetHost(host.name, host.server, tmp_path / host.name) for host in servers]


@pytest.fixture(scope="module")
def bastion(servers: list[FleetHost], module_user: User) -> Iterator[Sshd]:
    """A jump host that turns away half of the logins beyond the third at a time, and all beyond the sixth."""
    with public_directory() as directory:
        for key in servers[0].server.directory.glob("*_key*"):
            shutil.copy2(key, directory / key.name)
        server = Sshd.start(directory, startups="3:50:6")
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def restored(module_user: User) -> Iterator[Path]:
    """The user's ssh_config, which the test may change."""
    config = module_user.home / ".ssh" / "config"
    before = config.read_text()
    yield config
    config.write_text(before)


def to_all(hosts: Sequence[FleetHost]) -> list[str]:
    return [word for host in hosts for word in ("--to", host.target)]


def assert_live(hosts: Sequence[FleetHost], text: str) -> None:
    assert [host.live() for host in hosts] == [text] * len(hosts)


@pytest.mark.parametrize("way", ["asyncssh", "openssh", "asyncssh by a command"])
def test_none_is_lost_behind_a_jump_host_that_turns_logins_away(
    way: str, web: list[FleetHost], bastion: Sshd, module_user: User, restored: Path, tmp_path: Path
) -> None:
    route = f"ProxyCommand ssh -F {restored} -W %h:%p bastion" if " " in way else "ProxyJump bastion"
    known = restored.parent / "known_hosts_bastion"
    known.write_text(bastion.known_hosts.read_text())
    common = restored.read_text()
    restored.write_text(
        f"Host bastion\n HostName {bastion.host}\n Port {bastion.port}\n User {bastion.user}\n"
        f" UserKnownHostsFile {known}\nHost {web[0].server.host}\n {route}\n{common}"
    )
    hosts = web[:BEHIND]
    before = bastion.log().count("Accepted publickey")
    site = make_site(tmp_path / "site", "one")
    words = (
        "push",
        site,
        "--app",
        "site",
        *to_all(hosts),
        "--ssh",
        way.split()[0],
        "--connect-timeout",
        "60s",
    )
    module_user.does(*words, "--max-parallel", 24)
    assert_live(hosts, "one")
    logins = bastion.log().count("Accepted publickey") - before
    # A connection that waited long for its host's turn is made anew.
    assert logins == 1 if way == "asyncssh" else BEHIND <= logins <= 2 * BEHIND


@pytest.mark.parametrize(("way", "count"), [("asyncssh", HOSTS), ("openssh", 12)])
def test_with_few_open_files_all_are_served_by_turns(
    way: str, count: int, web: list[FleetHost], module_user: User, tmp_path: Path
) -> None:
    hosts = web[:count]
    site = make_site(tmp_path / "site", "one")
    words = [
        "push",
        str(site),
        "--app",
        "site",
        *to_all(hosts),
        "--ssh",
        way,
        "--max-parallel",
        "24",
        "--json",
    ]
    ran = subprocess.run(
        ["sh", "-c", f'ulimit -n {FEW_FILES} && exec "$@"', "sh", *PROGRAM, *words],
        env=module_user.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert {host["outcome"] for host in json.loads(ran.stdout)["hosts"]} == {"active"}
    assert_live(hosts, "one")


def test_what_all_hosts_have_in_common_is_read_once(
    web: list[FleetHost], module_user: User, restored: Path, tmp_path: Path
) -> None:
    site = make_site(tmp_path / "site", "one")
    words = ("push", site, "--app", "site", *to_all(web), "--ssh", "asyncssh", "--max-parallel", "24")
    module_user.does(*words)
    log = tmp_path / "opened"
    began = time.monotonic()
    ran = subprocess.run(
        [PROGRAM[0], "-c", WATCHED.format(log=str(log)), *map(str, words)],
        env=module_user.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    seconds = time.monotonic() - began
    assert ran.returncode == 0, ran.stderr
    opened = Counter(log.read_text().splitlines())
    known = next(line.split()[1] for line in restored.read_text().splitlines() if "UserKnownHosts" in line)
    key = next(line.split()[1] for line in restored.read_text().splitlines() if "IdentityFile" in line)
    assert opened[known] == 1
    assert 1 <= opened[key] <= 2
    assert opened["ssh -G"] <= 3
    # The files of what was seen are written once a second at most.
    state = {path: times for path, times in opened.items() if path.endswith(("heads.json", "links.json"))}
    assert state
    assert all(times <= seconds + 3 for times in state.values()), state
