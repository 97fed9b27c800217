"""An ordinary account that deploys to slots: exactly the printed rule for sudo, the printed units, and a front.

What the tests and the long form (``tests.cut_over_proof``) share. Not for what stands in front (``fronts``).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.load.running import Load, Mix, calling
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import PROXYD, Front

SERVICE = Path(__file__).with_name("slot_service.py")
APP = "/srv/web/apps/web"
_WAIT_S = 120
_DRAIN = "10s"
KEYS = (
    "--app", "web", "--unit", "web@", "--http", "http://localhost/health", "--health-interval", "100ms",
    "--health-stable", "500ms", "--health-timeout", "5s", "--watch", "1s", "--drain", _DRAIN,
    "--become", "sudo",
)  # fmt: skip


def release(deployer: Deployer, version: str, mode: str = "good", *, ends: str = "at once") -> Path:
    """A build of the service: how it behaves, and how it ends on SIGTERM."""
    build = deployer.user.home / "release"
    (build / "bin").mkdir(parents=True, exist_ok=True)
    (build / "bin/web").write_bytes(SERVICE.read_bytes())
    (build / "bin/web").chmod(0o755)
    for name, text in (("version", version), ("mode", mode), ("ends", ends)):
        (build / name).write_text(text)
    return build


def push(deployer: Deployer, version: str, mode: str = "good", *flags: str) -> Ran:
    """Later flags win over those of ``KEYS``."""
    return deployer.run("push", release(deployer, version, mode), *KEYS, *flags)


def install(deployer: Deployer, *words: str) -> list[str]:
    """As root, put what ``relstore unit`` prints in place; the names of the files."""
    alone = "relstore-recover.service" if "--recover" in words else "web@.service"
    files = printed(deployer, *words, alone=alone)
    for name, text in files.items():
        as_root(deployer.host, f"/etc/systemd/system/{name}", text)
    deployer.host.run("systemctl", "daemon-reload")
    return list(files)


def printed(deployer: Deployer, *words: str, alone: str = "web@.service") -> dict[str, str]:
    """The files that ``relstore unit`` prints, by their names. ``alone``: of one that stands without its name."""
    files = re.split(r"(?m)^# (\S+\.(?:service|socket))\n", deployer.does("unit", *words).out)
    return dict(zip(files[1::2] or [alone], files[2::2] or files, strict=True))


def as_root(host: SystemdHost, path: str, text: str) -> None:
    host.run("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, input=text)


@contextmanager
def slot_host(
    network: Network,
    directory: Path,
    *,
    name: str = "web1",
    address: str = "10.99.1.1",
    front: Front = PROXYD,
    drain: str = _DRAIN,
) -> Iterator[Deployer]:
    """The account at a host of its own, which nothing was pushed to yet."""
    host = SystemdHost.start(directory, network, name, address)
    try:
        host.wait_running()
        host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
        deployer = Deployer.at(host, directory / "home", "deploy")
        rule = deployer.does("sudoers", "--unit", "web@", *front.flags).out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        host.run("visudo", "-cf", "/etc/sudoers.d/relstore")
        flags = (*front.flags, *front.unit_flags)
        words = ("bin/web", "--app", "web", "--drain", drain, "--name", "web@", *flags)
        assert install(deployer, *words) == list(front.printed)
        for path, text in front.files.items():
            as_root(host, path, text)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "enable", "--quiet", "web@a", "web@b")
        host.run("systemctl", "enable", "--quiet", "--now", front.unit)
        yield deployer
    finally:
        host.stop()


@contextmanager
def under_load(deployer: Deployer, port: int = 80, mix: Mix = Mix()) -> Iterator[Load]:  # noqa: B008 - it is frozen
    """People with new, busy, idle and slow connections call the front all the time."""
    with calling(deployer.host.network.prefix, deployer.host.address, mix, port) as load:
        yield load


def roles(status: dict[str, object]) -> dict[str, str]:
    """What each slot is there for, from ``relstore status``."""
    return {slot["name"]: slot["role"] for slot in status["slots"]}  # type: ignore[attr-defined]


def live(deployer: Deployer) -> str:
    return deployer.host.run("readlink", f"{APP}/live").stdout.strip()


def slots_of(deployer: Deployer) -> list[str]:
    """The slots that are there."""
    return deployer.host.run("ls", f"{APP}/slots").stdout.split()


def wait_for_one_slot(deployer: Deployer, seconds: float = _WAIT_S) -> str:
    """The slot that is left, when the other one has been stopped and none is kept."""
    deadline = time.monotonic() + seconds
    while True:
        found = slots_of(deployer)
        if len(found) == 1:
            return found[0]
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
