"""Releases and hooks that harm the host or the job itself, pushed by an ordinary account with the printed sudo rule.

Each case returns what is wrong afterwards: the host must be on the previous release, healthy, with the outcome on record.
The tests run each of them once, and ``make proof`` runs each 20 times.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


@contextmanager
def account_at(network: Network, directory: Path, address: str, *unit_flags: str) -> Iterator[Deployer]:
    """A host whose store and whose service's state share a small ext4, with two good releases of the account."""
    host = SystemdHost.start(directory, network, "harmed", address)
    with ExitStack() as stack:
        stack.callback(host.stop)
        host.wait_running()
        stack.enter_context(_small_disk(host, directory / "disk.img"))
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        deployer = Deployer.at(host, directory / "home", "deploy")
        _as_root(host, _UNIT_FILE, deployer.does("unit", "--app", "web", "bin/web", *unit_flags).out)
        _as_root(host, "/etc/sudoers.d/relstore", deployer.does("sudoers", "--unit", "web").out)
        host.run("chmod", "440", "/etc/sudoers.d/relstore")
        host.run("systemctl", "daemon-reload")
        for version in ("first", "second"):
            deployer.does(*_words(deployer, version, "--health-stable", "1s"))
        yield deployer


def fills_the_disk(deployer: Deployer) -> Problems:
    """The release fills the disk after a second, and crashes. Then the account switches back, and collects."""
    yield from _harmful_release(deployer, _FILL.format(file='"$STATE_DIRECTORY/filler"'))
    if (free := _free(deployer.host)) > _LITTLE:
        yield f"the disk is not full: {free} bytes are free"
    _fill_up(deployer.host)
    ran = deployer.run("switch-generation", "-1", *_SWITCH)
    if ran.code != 0:
        yield f"a switch back fails on the full disk: {ran.err}"
    yield from _problems(deployer, ("active", 1), "first")
    _fill_up(deployer.host)
    before = _free(deployer.host)
    ran = deployer.run("gc", "--app", "web", "--keep", "1")
    if ran.code != 0:
        yield f"gc fails on the full disk: {ran.err}"
    if (freed := _free(deployer.host) - before) < _BALLAST_BYTES:
        yield f"gc frees only {freed} bytes"
    yield from _problems(deployer, ("active", 1), "first")


def locks_the_job_out(deployer: Deployer) -> Problems:
    """The release takes the job the right to write to its own directory, and crashes."""
    yield from _harmful_release(deployer, "chmod 0 /srv/web/apps/web/jobs/*")


def prints_before(deployer: Deployer) -> Problems:
    """The hook before the switch prints without end."""
    ran = deployer.run(*_words(deployer, "third", "--before", "yes"))
    if ran.code != 1:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from _problems(deployer, ("failed", 3), "second")


def prints_on_failure(deployer: Deployer) -> Problems:
    """The release is unhealthy, and the hook after the host went back prints without end."""
    ran = deployer.run(
        *_words(deployer, "third", "--on-failure", "yes", "--health-timeout", "4s", name="answers 500")
    )
    if ran.code != 3:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from _problems(deployer, ("rolled-back", 3), "second")


def by_hand(deployer: Deployer) -> Problems:
    """The control: the same release that fills the disk, with a link and a restart instead of relstore."""
    words = _words(deployer, "third")
    releases.make_harmful(Path(str(words[1])), _FILL.format(file='"$STATE_DIRECTORY/filler"'))
    deployer.does(*words, "--no-activate")
    deployer.host.run("ln", "-sfn", "generations/3", "/srv/web/apps/web/current")
    deployer.host.run("systemctl", "restart", "web.service")
    deployer.host.run("sleep", "3")
    yield from _problems(deployer, ("rolled-back", 3), "second")


Case = Callable[[Deployer], Problems]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {
    "a release that fills the disk": (fills_the_disk, ()),
    "a release that locks the job out": (locks_the_job_out, ("--account", "deploy")),
    "a hook before that prints without end": (prints_before, ()),
    "a hook on failure that prints without end": (prints_on_failure, ()),
}
"""Each with the flags for its unit."""


def _words(deployer: Deployer, version: str, *flags: str, name: str = "good") -> tuple[object, ...]:
    words = deployer.words(name, version, *_FLAGS, *flags)
    Path(str(words[1]), "ballast").write_bytes(os.urandom(_BALLAST_BYTES))
    return words


def _harmful_release(deployer: Deployer, harm: str) -> Problems:
    if "chmod" in harm:  # the printed unit keeps a service from writing to a store
        _as_root(deployer.host, f"{_UNIT_FILE}.d/writes.conf", _MAY_WRITE)
        deployer.host.run("systemctl", "daemon-reload")
    words = _words(deployer, "third")
    releases.make_harmful(Path(str(words[1])), harm)
    ran = deployer.run(*words)
    if ran.code != 3:
        yield f"the push ended with {ran.code}: {ran.err[-2000:]}"
    yield from _problems(deployer, ("rolled-back", 3), "second")


def _problems(deployer: Deployer, outcome: tuple[str, int], serves: str) -> Problems:
    """What is not as it should be: the service, its unit, the link, the record, and the store."""
    if (answer := deployer.serves(20)) != serves:
        yield f"the service answers {answer!r} instead of {serves!r}"
    if (events := deployer.events())[-1] != outcome:
        yield f"recorded: {events}"
    status = deployer.status()
    if status["unresolved"]:
        yield "an activation is not resolved"
    units = status["units"]
    if not isinstance(units, list) or [unit["state"] for unit in units] != ["active (running)"]:
        yield f"the units: {units}"
    if (ran := deployer.run("verify")).code != 0:
        yield f"verify: {ran.out}{ran.err}"


@contextmanager
def _small_disk(host: SystemdHost, image: Path) -> Iterator[None]:
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
        host.run("mkdir", "-p", "-m", "700", "/srv/state", "/var/lib/private")
        host.run("mount", "--bind", "/srv/state", "/var/lib/private")
        yield
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)  # once the host is off, at the latest


def _free(host: SystemdHost) -> int:
    return int(host.run("stat", "--file-system", "--format", "%a", "/srv").stdout) * 4096


def _fill_up(host: SystemdHost) -> None:
    """What earlier steps have freed is full again."""
    host.run("sh", "-c", _FILL.format(file="/srv/filler"), check=False)


def _as_root(host: SystemdHost, path: str, text: str) -> None:
    host.run("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, input=text)
