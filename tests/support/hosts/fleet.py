"""Several real OpenSSH servers of one account, each with a store of its own: the hosts of a rollout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosts.sshd import Sshd, make_key, public_directory
from tests.support.user import User

_CONFIG = """\
Host *
    User {user}
    IdentityFile {directory}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""


@dataclass(frozen=True)
class FleetHost:
    """One of them."""

    name: str
    server: Sshd
    store: Path

    @property
    def target(self) -> str:
        return f"{self.server.user}@{self.server.host}:{self.server.port}:{self.store}"

    def live(self, app: str = "site") -> str:
        """What the host's current release says."""
        return (self.store / "apps" / app / "current" / "index.html").read_text()


@contextmanager
def fleet(count: int, user: User, account: str | None = None) -> Iterator[list[FleetHost]]:
    """``web1`` and so on. ``user`` may log in to all of them; ``account``: as whom."""
    with ExitStack() as stack:
        common = stack.enter_context(public_directory())
        for key in ("host_key", "client_key"):
            make_key(common / key)
        hosts = []
        for number in range(1, count + 1):
            directory = stack.enter_context(public_directory())
            for key in common.glob("*_key*"):
                shutil.copy2(key, directory / key.name)
            server = Sshd.start(directory, user=account)
            stack.callback(server.stop)
            place = stack.enter_context(public_directory())
            place.chmod(0o777)
            hosts.append(FleetHost(f"web{number}", server, place / "store"))
        known = "".join(host.server.known_hosts.read_text() for host in hosts)
        (common / "known_hosts").write_text(known)
        (common / "client_key").chmod(0o600)
        config = user.home / ".ssh" / "config"
        config.write_text(_CONFIG.format(user=hosts[0].server.user, directory=common))
        config.chmod(0o600)
        yield hosts
