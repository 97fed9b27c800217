"""``relstore check`` on prepared hosts: what is wrong with each is found, nothing else is, and nothing is changed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bent_clock import BENT_CLOCK
from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.user import PROGRAM
from tests.systemd.deployer import Deployer
from tests.systemd.releases import UNIT
from tests.systemd.slot_host import as_root

pytestmark = pytest.mark.root

UNIT_FILE = "/etc/systemd/system/web.service"
OWN_UNIT = UNIT.replace("multi-user.target", "default.target")
KEYS = ("--unit", "web", "--become", "sudo", "--app", "web")
SLOT_KEYS = ("--app", "web", "--unit", "web@", "--become", "sudo")
BENT = """\
#!/bin/sh
exec /usr/bin/python3 /usr/local/lib/clock.py /usr/local/lib/offset /usr/bin/python3 "$@"
"""
FILES = {
    UNIT_FILE: UNIT,
    "/home/deploy/.config/systemd/user/web.service": OWN_UNIT,
    "/usr/local/lib/clock.py": BENT_CLOCK,
    "/usr/local/lib/offset": str(3 * 3600),
    "/usr/local/bin/bent-python": BENT,
}
STATE = "find /etc /home /srv /var/lib /usr/local -printf '%p %m %u %s %C@\\n' | sort"


@pytest.fixture(scope="module")
def ready(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """An ordinary account at a host where nothing is wrong. Each test puts right again what it breaks."""
    directory = tmp_path_factory.mktemp("check")
    host = SystemdHost.start(directory, network, "ready", "10.99.1.40", files=FILES)
    try:
        host.wait_running()
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        host.run("usermod", "-aG", "systemd-journal", "deploy")
        deployer = Deployer.at(host, directory / "home", "deploy")
        rule = deployer.does("sudoers", "--unit", "web").out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        yield deployer
    finally:
        host.stop()


def findings(deployer: Deployer, *words: str) -> dict[str, str]:
    """The kinds that were found, each with what to do."""
    ran = deployer.run("check", *(words or KEYS), "--json")
    (report,) = ran.document["hosts"]
    found = {line["kind"]: line["next"] for line in report["checks"] if line["state"] == "finding"}
    assert report["good"] == (not found)
    assert (ran.code == 0) == (not found), ran.err
    return found


@contextmanager
def broken(host: SystemdHost, breaks: str, mends: str) -> Iterator[None]:
    """Between the two lines of shell, as root there."""
    host.run("sh", "-euc", breaks)
    try:
        yield
    finally:
        host.run("sh", "-euc", mends)


def test_nothing_is_found_on_a_good_host_and_nothing_is_changed(ready: Deployer) -> None:
    before = ready.host.run("sh", "-c", STATE).stdout
    assert findings(ready) == {}
    seen = ready.does("check", *KEYS, "-v").out
    assert ready.host.run("sh", "-c", STATE).stdout == before
    for aspect in ("login", "python", "clock", "store", "room", "unit", "sudo", "journal"):
        assert f"ready  {aspect}" in seen
    assert "/srv/web is made by the first push" in seen
    assert ready.does("check", *KEYS).out.splitlines()[1:] == [
        "ready  all    good, login, python, clock, store, room, unit, sudo, journal"
    ]


def test_a_missing_rule_for_sudo(ready: Deployer) -> None:
    with broken(ready.host, "mv /etc/sudoers.d/relstore /root", "mv /root/relstore /etc/sudoers.d"):
        found = findings(ready)
        assert "relstore sudoers" in found.pop("sudo-refuses")
        assert found == {}
        assert ready.run("check", *KEYS).code == 1
        assert findings(ready, *KEYS, "--ignore-preflight", "sudo-refuses") == {}
    assert set(findings(ready, "--unit", "web", "--app", "web")) == {"unit-needs-root"}


def test_a_rule_that_is_not_the_printed_one(ready: Deployer) -> None:
    only_restart = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart web.service"
    with broken(
        ready.host,
        f"mv /etc/sudoers.d/relstore /root; echo '{only_restart}' > /etc/sudoers.d/less",
        "rm /etc/sudoers.d/less; mv /root/relstore /etc/sudoers.d",
    ):
        ran = ready.run("check", *KEYS)
        assert "systemctl reset-failed web.service" in ran.out
        assert "[sudo-refuses]" in ran.out


def test_sudo_that_wants_a_terminal(ready: Deployer) -> None:
    with broken(
        ready.host, "echo 'Defaults:deploy requiretty' > /etc/sudoers.d/tty", "rm /etc/sudoers.d/tty"
    ):
        assert "Defaults:deploy !requiretty" in findings(ready)["sudo-refuses"]


def test_sudo_that_wants_a_password_for_what_it_allows(ready: Deployer) -> None:
    with broken(
        ready.host,
        "echo 'deploy ALL=(ALL) ALL' > /etc/sudoers.d/zz",
        "rm /etc/sudoers.d/zz",
    ):
        assert "sudo-refuses" in findings(ready)


def test_a_unit_that_does_not_run_through_current(ready: Deployer) -> None:
    with broken(
        ready.host,
        f"cp {UNIT_FILE} /root; sed -i s:apps/web/current:elsewhere: {UNIT_FILE}; systemctl daemon-reload",
        f"mv /root/web.service {UNIT_FILE}; systemctl daemon-reload",
    ):
        found = findings(ready)
        assert "systemctl daemon-reload" in found["unit-runs-other"]
        assert set(found) == {"unit-runs-other"}


def test_a_unit_that_systemd_has_not_read_again(ready: Deployer) -> None:
    ready.host.run("systemctl", "start", "web", check=False)
    with broken(
        ready.host,
        f"sleep 1.1; echo '# edited' >> {UNIT_FILE}",
        f"sed -i '$d' {UNIT_FILE}; systemctl daemon-reload",
    ):
        assert findings(ready) == {"unit-changed": "Run `systemctl daemon-reload` there."}


def test_a_unit_that_is_not_there(ready: Deployer) -> None:
    found = findings(ready, "--unit", "wbe", "--become", "sudo", "--app", "web")
    assert set(found) == {"unit-not-loaded"}


def test_units_of_an_account_that_does_not_linger(ready: Deployer) -> None:
    keys = ("--unit", "web", "--user", "--app", "web")
    assert "loginctl enable-linger deploy" in findings(ready, *keys)["unit-ends-at-logout"]
    with broken(ready.host, "loginctl enable-linger deploy", "loginctl disable-linger deploy"):
        assert findings(ready, *keys) == {}


def test_a_full_disk(ready: Deployer) -> None:
    with broken(
        ready.host,
        "mkdir /srv/small; mount -t tmpfs -o size=2m,mode=755,uid=1500,gid=1500 tmpfs /srv/small",
        "umount /srv/small; rmdir /srv/small",
    ):
        small = Deployer(ready.user, ready.host, "deploy", "/srv/small")
        found = findings(small, "--app", "web")
        assert set(found) == {"disk-full"}
        assert "relstore gc" in found["disk-full"]


def test_a_disk_without_inodes_that_is_read_only_and_executes_nothing(ready: Deployer) -> None:
    with broken(
        ready.host,
        "mkdir /srv/small; mount -t tmpfs -o nr_inodes=20,noexec,mode=755,uid=1500 tmpfs /srv/small",
        "umount /srv/small; rmdir /srv/small",
    ):
        small = Deployer(ready.user, ready.host, "deploy", "/srv/small")
        assert {"disk-full", "store-noexec"} <= set(findings(small, *KEYS))
        ready.host.run("mount", "-o", "remount,ro", "/srv/small")
        assert "mount -o remount,rw /srv/small" in findings(small, *KEYS)["store-unusable"]


def test_a_place_where_the_account_may_make_no_store(ready: Deployer) -> None:
    other = Deployer(ready.user, ready.host, "deploy", "/srv/other/place")
    assert "install -d -o deploy -m 755 /srv/other/place" in findings(other, "--app", "web")["store-unusable"]
    foreign = Deployer(ready.user, ready.host, "deploy", "/home/deploy")
    assert set(findings(foreign, "--app", "web")) == {"store-unusable"}


def test_no_python3(ready: Deployer) -> None:
    with broken(ready.host, "mv /usr/bin/python3 /usr/bin/away", "mv /usr/bin/away /usr/bin/python3"):
        ran = ready.run("check", *KEYS)
        assert ran.code == 6
        assert "there is no python3 on the host [helper-not-started]" in ran.out
        assert "apt install python3-minimal" in ran.out
        states = {
            line["check"]: line["state"]
            for line in ready.run("check", *KEYS, "--json").document["hosts"][0]["checks"]
        }
        assert states["login"] == "good"
        assert states["python"] == "finding"
        assert {states[name] for name in states if name not in ("login", "python")} == {"not-asked"}


@pytest.mark.parametrize(("offset", "words"), [(3 * 3600, "3 h ahead of"), (-5 * 86400, "5 days behind")])
def test_a_wrong_clock(ready: Deployer, offset: int, words: str) -> None:
    as_root(ready.host, "/usr/local/lib/offset", str(offset))
    ran = ready.run("check", *KEYS, "--python", "/usr/local/bin/bent-python")
    assert ran.code == 1
    assert f"the clock is {words} this machine's [clock-differs]" in ran.out
    assert "timedatectl set-ntp true" in ran.out


def test_a_closed_journal(ready: Deployer) -> None:
    with broken(ready.host, "gpasswd -d deploy systemd-journal", "usermod -aG systemd-journal deploy"):
        found = findings(ready)
        assert "usermod -aG systemd-journal deploy" in found["journal-closed"]
        assert set(found) == {"journal-closed"}


def test_a_host_that_cannot_be_reached_is_a_line_of_the_table(ready: Deployer, tmp_path: Path) -> None:
    ran = ready.run("check", *KEYS, "--to", "deploy@127.0.0.1:1:/srv/web")
    assert ran.code == 4
    assert "ready" in ran.out
    assert "all" in ran.out
    assert "[host-unreachable]" in ran.out
    assert "1 finding at 1 of 2 hosts" in ran.err


def test_each_host_is_asked_about_its_own_unit(ready: Deployer, tmp_path: Path) -> None:
    config = tmp_path / "relstore.toml"
    config.write_text(
        'app = "web"\n[hosts]\n'
        'good = { to = "ready:/srv/web", unit = "web", become = "sudo" }\n'
        'other = { to = "ready:/home/deploy/other", groups = ["typing"] }\n'
        '[group.typing]\nunit = "wbe"\nbecome = "sudo"\n'
    )
    words = [*ready.host.network.prefix, *PROGRAM, "check", "--config", str(config), "--json"]
    ran = subprocess.run(
        words, cwd=ready.user.home, env=ready.user.environment, capture_output=True, text=True, check=False
    )
    good, other = json.loads(ran.stdout)["hosts"]
    assert ran.returncode == 4
    assert good["good"]
    assert {line["kind"] for line in other["checks"] if line["state"] == "finding"} == {"unit-not-loaded"}


def test_the_host_that_is_good_stays_good_after_a_push(ready: Deployer) -> None:
    assert ready.push("good", "first", "--become", "sudo").code == 0
    assert findings(ready) == {}
    ready.host.run("systemctl", "stop", "web")


def test_slots_that_are_good_and_a_front_that_is_not(slots: Deployer) -> None:
    assert set(findings(slots, *SLOT_KEYS)) == {"journal-closed"}
    seen = slots.run("check", *SLOT_KEYS, "-v").out
    assert "web@a.service" in seen
    assert "needs to be told nothing" in seen
    found = findings(slots, *SLOT_KEYS, "--cut-over", "haproxy", "--haproxy-socket", "/run/none")
    assert set(found) == {"journal-closed", "haproxy-silent"}
