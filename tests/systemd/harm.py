"""Releases and hooks that harm the host or the job itself, pushed by an ordinary account with the printed sudo rule.

Each case returns what is wrong afterwards: the host must be on the previous release, healthy, with the outcome on record.
The tests run each of them once, and ``make proof`` runs each 20 times.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd import releases
from tests.systemd.deployer import Deployer

_UNIT_FILE = "/etc/systemd/system/web.service"
_MAY_WRITE = "[Service]\nReadWritePaths=/srv/web\n"
_FILL = "for round in 1 2 3; do cat /dev/zero 2>/dev/null >>{file}; sync; done"
_DISK_BYTES = 64 << 20
_LITTLE = 1 << 20
_FLAGS = ("--become", "sudo", "--health-stable", "3s", "--hook-timeout", "3s")
_SWITCH = ("--app", "web", "--unit", "web", "--become", "sudo", "--health-stable", "1s")
_BALLAST_BYTES = 4_000_000

Problems = Iterator[str]


@dataclass
class Account:
    """The account at its host, with what each of its good generations answers."""

    deployer: Deployer
    versions: dict[int, str] = field(default_factory=dict)

    def words(self, name: str, version: str, *flags: str) -> tuple[object, ...]:
        """The arguments of a push."""
        words = self.deployer.words(name, version, *_FLAGS, *flags)
        Path(str(words[1]), "ballast").write_bytes(os.urandom(_BALLAST_BYTES))
        return words

    def push_a_good_one(self) -> None:
        version = f"good {len(self.versions)}"
        self.deployer.does(*self.words("good", version, "--health-stable", "1s"))
        self.versions[self.deployer.events()[-1][1]] = version

    def as_root(self, path: str, text: str) -> None:
        self.deployer.host.run("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, input=text)

    def problems(self, outcome: str) -> Problems:
        """What is not as it should be after ``outcome``: the service, its unit, the link, the record, the store."""
        events = [event for event in self.deployer.events() if event[0] != "deleted"]
        if events[-1][0] != outcome:
            yield f"recorded: {events[-4:]}"
        status: dict[str, Any] = self.deployer.status()
        if status["unresolved"]:
            yield "an activation is not resolved"
        number = status["current"]["number"]
        good = [number for kind, number in events if kind == "active"]
        if number != good[-1]:
            yield f"generation {number} is current, and the last good one was {good[-1]}"
        if (answer := self.deployer.serves(20)) != self.versions.get(number):
            yield f"the service answers {answer!r} while generation {number} is current"
        if [unit["state"] for unit in status["units"]] != ["active (running)"]:
            yield f"the units: {status['units']}"
        if (ran := self.deployer.run("verify")).code != 0:
            yield f"verify: {ran.out}{ran.err}"


@contextmanager
def account_at(network: Network, directory: Path, address: str, *unit_flags: str) -> Iterator[Account]:
    """A host whose store and whose service's state share a small ext4, with two good releases of the account."""
    host = SystemdHost.start(directory, network, "harmed", address)
    with ExitStack() as stack:
        stack.callback(host.stop)
        host.wait_running()
        _mount_small_disk(host, directory / "disk.img")
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        deployer = Deployer.at(host, directory / "home", "deploy")
        account = Account(deployer)
        account.as_root(_UNIT_FILE, deployer.does("unit", "--app", "web", "bin/web", *unit_flags).out)
        account.as_root("/etc/sudoers.d/relstore", deployer.does("sudoers", "--unit", "web").out)
        if unit_flags:  # the printed unit keeps a service from writing to a store
            account.as_root(f"{_UNIT_FILE}.d/writes.conf", _MAY_WRITE)
        host.run("chmod", "440", "/etc/sudoers.d/relstore")
        host.run("systemctl", "daemon-reload")
        account.push_a_good_one()
        yield account


def fills_the_disk(account: Account) -> Problems:
    """The release fills the disk after a second, and crashes. Then the account switches back, and collects."""
    deployer, host = account.deployer, account.deployer.host
    yield from _harmful_release(account, _FILL.format(file='"$STATE_DIRECTORY/filler"'))
    if (free := _free(host)) > _LITTLE:
        yield f"the disk is not full: {free} bytes are free"
    _fill_up(host)
    ran = deployer.run("switch-generation", "-1", *_SWITCH)
    if ran.code != 0:
        yield f"a switch back fails on the full disk: {ran.err}"
    yield from account.problems("active")
    _fill_up(host)
    before = _free(host)
    ran = deployer.run("gc", "--app", "web", "--keep", "1")
    if ran.code != 0:
        yield f"gc fails on the full disk: {ran.err}"
    if (freed := _free(host) - before) < _BALLAST_BYTES:
        yield f"gc frees only {freed} bytes"
    yield from account.problems("active")
    host.run("rm", "-f", "/srv/filler", "/srv/state/web/filler")


def locks_the_job_out(account: Account) -> Problems:
    """The release takes all rights on the jobs' directories away from the account, and crashes."""
    yield from _harmful_release(account, "chmod 0 /srv/web/apps/web/jobs/* /srv/web/apps/web/jobs")


def prints_before(account: Account) -> Problems:
    """The hook before the switch prints without end."""
    ran = account.deployer.run(*account.words("good", "bad", "--before", "yes"))
    if ran.code != 1:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from account.problems("failed")


def prints_on_failure(account: Account) -> Problems:
    """The release is unhealthy, and the hook after the host went back prints without end."""
    flags = ("--on-failure", "yes", "--health-timeout", "4s")
    ran = account.deployer.run(*account.words("answers 500", "bad", *flags))
    if ran.code != 3:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from account.problems("rolled-back")


def by_hand(account: Account) -> Problems:
    """The control: a release that crashes after a second, with a link and a restart instead of relstore."""
    host = account.deployer.host
    words = account.words("good", "bad", "--no-switch")
    releases.make_harmful(Path(str(words[1])), ":")
    account.deployer.does(*words)
    newest = account.deployer.status()["newest"]
    host.run("ln", "-sfn", f"generations/{newest}", "/srv/web/apps/web/current")
    host.run("systemctl", "restart", "web.service")
    yield from account.problems("rolled-back")


Case = Callable[[Account], Problems]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {
    "a release that fills the disk": (fills_the_disk, ()),
    "a release that locks the job out": (locks_the_job_out, ("--account", "deploy")),
    "a hook before that prints without end": (prints_before, ()),
    "a hook on failure that prints without end": (prints_on_failure, ()),
}
"""Each with the flags for its unit."""


def rounds(case: Case, account: Account, count: int) -> Problems:
    """Deploy a good release and then do the harm, ``count`` times."""
    for number in range(1, count + 1):
        account.push_a_good_one()
        for problem in case(account):
            yield f"round {number}: {problem}"
        account.deployer.does("gc", "--app", "web", "--keep", "2")


def _harmful_release(account: Account, harm: str) -> Problems:
    words = account.words("good", "bad")
    releases.make_harmful(Path(str(words[1])), harm)
    ran = account.deployer.run(*words)
    if ran.code != 3:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from account.problems("rolled-back")


def _mount_small_disk(host: SystemdHost, image: Path) -> None:
    """An ext4 for /srv and for the services' state, without blocks that are reserved for root."""
    with open(image, "wb") as file:
        file.truncate(_DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
    loop = subprocess.run(
        ["losetup", "--find", "--show", image], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        device = os.stat(loop).st_rdev
        host.run("mknod", "/dev/store", "b", str(os.major(device)), str(os.minor(device)))
        host.run("mount", "-t", "ext4", "/dev/store", "/srv")
    finally:
        # The kernel does it once the host is off, also where the tests are killed before.
        subprocess.run(["losetup", "--detach", loop], check=True)
    host.run("mkdir", "-p", "-m", "700", "/srv/state", "/var/lib/private")
    host.run("mount", "--bind", "/srv/state", "/var/lib/private")


def _free(host: SystemdHost) -> int:
    return int(host.run("stat", "--file-system", "--format", "%a", "/srv").stdout) * 4096


def _fill_up(host: SystemdHost) -> None:
    """What earlier steps have freed is full again."""
    host.run("sh", "-c", _FILL.format(file="/srv/filler"), check=False)
