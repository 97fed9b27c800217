"""A fleet of hosts with systemd that serve one app behind a balancer, and the account that deploys to all of them.

Some hosts have two slots and systemd's proxy, some a plain unit that is restarted. Not for what is done there
(``story``).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relstore.formats.journal import Event as Recorded
from relstore.formats.journal import Journal
from tests.cut_over_proof.stage import Event, Stage, noted
from tests.fleet_proof import balancer
from tests.fleet_proof.balancer import Server
from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.load.running import Load, Mix, calling
from tests.support.user import Ran, User
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import PROXYD
from tests.systemd.slot_host import SERVICE, as_root, printed

RESTART_PORT = 8080
BALANCER = "10.99.2.1"
DRAIN_S = 10
SLOTS, RESTARTED = "slots", "restarted"
_BAD_HERE = "bad-here"
_KEYS = f"""\
app = "web"
artifact = "release"
become = "sudo"
health-interval = "100ms"
health-stable = "500ms"
health-timeout = "5s"
health-command = "! grep -qx \\"$RELSTORE_VAR_NAME\\" $RELSTORE_PATH/{_BAD_HERE}"

[group.{SLOTS}]
unit = "web@"
http = "http://localhost/health"
watch = "1s"
drain = "{DRAIN_S}s"

[group.{RESTARTED}]
unit = "web"
http = "http://127.0.0.1:{RESTART_PORT}/health"
"""
MIX = Mix(new=4, busy=4, idle=4, work=4, answer=4, stream=4)


@dataclass(frozen=True)
class Member:
    """One host of the fleet, as it lies on its disk."""

    host: SystemdHost
    kind: str
    user: User

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def server(self) -> Server:
        return Server(self.name, self.host.address, 80 if self.kind == SLOTS else RESTART_PORT)

    @property
    def app(self) -> Path:
        return self.host.root_path / "srv/web/apps/web"

    @property
    def current(self) -> int:
        return int(os.readlink(self.app / "current").rpartition("/")[2])

    @property
    def version(self) -> str:
        """Of the release that is current."""
        return (self.app / "current" / "version").read_text()

    @property
    def journal(self) -> tuple[Recorded, ...]:
        return tuple(Journal.parse((self.app / "journal").read_bytes()).events)

    def problems(self) -> list[str]:
        """What is not as a host must be that serves what is current there."""
        if self.kind == SLOTS:
            stage = Stage(Deployer(self.user, self.host, "deploy"), PROXYD, "politely")
            return [f"{self.name}: {problem}" for problem in stage.wrong(self.current)]
        state = self.host.run("systemctl", "show", "-P", "ActiveState", "web").stdout.strip()
        return [] if state == "active" else [f"{self.name}: its service is {state}"]


@dataclass
class Fleet:
    """All of it."""

    user: User
    network: Network
    members: Sequence[Member]
    front: SystemdHost
    """Where the balancer runs."""
    ends: str
    """How the program ends on SIGTERM."""
    events: list[Event] = field(default_factory=list)
    released: int = 0

    # -- what is done ----------------------------------------------------------------------------

    def configure(self, rollout: str, canaries: Sequence[str] = ()) -> None:
        """relstore.toml. ``canaries``: the hosts of the group ``canary``."""
        lines = []
        for member in self.members:
            groups = [member.kind, *(["canary"] if member.name in canaries else [])]
            words = ", ".join(f'"{group}"' for group in groups)
            to = f"deploy@{member.name}:/srv/web"
            lines.append(
                f'{member.name} = {{ to = "{to}", groups = [{words}], vars = {{ NAME = "{member.name}" }} }}'
            )
        text = "\n".join([_KEYS, "[rollout]", rollout, "", "[hosts]", *lines, ""])
        (self.user.home / "relstore.toml").write_text(text)

    def balance(self, care: str) -> None:
        """Start the balancer anew, with what it does about hosts that do not answer."""
        text = balancer.config([member.server for member in self.members], care)
        as_root(self.front, balancer.CONFIG_PATH, text)
        self.front.run("systemctl", "daemon-reload")
        self.front.run("systemctl", "restart", "balancer")

    def release(self, mode: str = "good", *, bad_at: Sequence[str] = ()) -> str:
        """Make one that no other one is like. ``bad_at``: the hosts on which it fails its check."""
        self.released += 1
        build = self.user.home / "release"
        shutil.rmtree(build, ignore_errors=True)
        (build / "bin").mkdir(parents=True)
        shutil.copyfile(SERVICE, build / "bin/web")
        (build / "bin/web").chmod(0o755)
        version = f"r{self.released}"
        texts = {
            "version": version,
            "mode": mode,
            "ends": self.ends,
            _BAD_HERE: "\n".join(bad_at) + "\n",
        }
        for name, text in texts.items():
            (build / name).write_text(text)
        return version

    def run(self, *words: object) -> Ran:
        return self.user.run(*words, prefix=self.network.prefix)

    def event(self, what: str) -> AbstractContextManager[Event]:
        """What is done in the block, printed at its end."""
        return noted(self.events, what)

    @contextmanager
    def under_load(self, mix: Mix = MIX) -> Iterator[Load]:
        """People call the balancer all the time."""
        with calling(self.network.prefix, BALANCER, mix) as load:
            time.sleep(1)
            yield load
            time.sleep(1)

    # -- what is there ---------------------------------------------------------------------------

    def former(self) -> str:
        """What was current on the first host before what is current there."""
        active = [event.generation for event in self.members[0].journal if event.event == "active"]
        return self._version(self.members[0], active[-2])

    def versions(self) -> dict[str, str]:
        return {member.name: member.version for member in self.members}

    def wrong(self, version: str) -> list[str]:
        """What is not as it must be when all hosts run ``version``."""
        others = {name: found for name, found in self.versions().items() if found != version}
        found = [f"not on {version}: {others}"] if others else []
        return found + [problem for member in self.members for problem in member.problems()]

    def withdrawn(self, version: str) -> list[str]:
        """The hosts on whose records that release is *withdrawn*."""
        return [
            member.name
            for member in self.members
            if any(
                event.event == "withdrawn" and self._version(member, event.generation) == version
                for event in member.journal
            )
        ]

    @staticmethod
    def _version(member: Member, generation: int) -> str:
        return (member.app / "generations" / str(generation) / "version").read_text()


@contextmanager
def fleet(
    network: Network,
    directory: Path,
    *,
    slots: int,
    restarted: int = 0,
    care: str = balancer.NOTHING,
    ends: str = "politely",
) -> Iterator[Fleet]:
    """Hosts of both kinds, with one good release on each, behind the balancer. ``care``: the balancer's."""
    directory.mkdir(parents=True)
    user = User.create(directory / "home")
    with ExitStack() as stack:

        def start(name: str, address: str) -> SystemdHost:
            host = SystemdHost.start(directory, network, name, address)
            stack.callback(host.stop)
            return host

        members = [
            Member(start(f"web{number}", f"10.99.1.{number}"), kind, user)
            for number, kind in enumerate(kinds(slots, restarted), 1)
        ]
        front = start("balancer", BALANCER)
        config = user.home / ".ssh" / "config"
        config.write_text("".join(member.host.ssh_config("deploy") for member in members))
        config.chmod(0o600)
        texts = {kind: _texts(members, kind) for kind in {member.kind for member in members}}
        for member in members:
            member.host.wait_running()
            _prepare(member, texts[member.kind])
        made = Fleet(user, network, members, front, ends)
        made.configure("max-parallel = 20")
        made.release()
        first = made.run("push")
        assert first.code == 0, first.err
        front.wait_running()
        as_root(front, balancer.UNIT_PATH, balancer.UNIT)
        made.balance(care)
        yield made


def kinds(slots: int, restarted: int) -> list[str]:
    """Of the hosts in their order: both kinds in turn, after two hosts with slots, if there are so many, for the canaries."""
    first, rest = [SLOTS] * min(slots, 2), [SLOTS] * max(slots - 2, 0)
    others = [RESTARTED] * restarted
    while rest or others:
        first += [pile.pop() for pile in (others, rest) if pile]
    return first


def _texts(members: Sequence[Member], kind: str) -> dict[str, str]:
    """The printed units and the printed rule for sudo, which are the same on all hosts of a kind."""
    member = next(member for member in members if member.kind == kind)
    deployer = Deployer(member.user, member.host, "deploy")
    if kind == SLOTS:
        unit, rest = "web@", ("--name", "web@", "--drain", f"{DRAIN_S}s", *PROXYD.unit_flags)
    else:
        unit, rest = "web", (f"everywhere={RESTART_PORT}", "--name", "web")
    units = printed(deployer, "bin/web", *rest, "--app", "web", alone="web.service")
    found = {f"/etc/systemd/system/{name}": text for name, text in units.items()}
    return {**found, "/etc/sudoers.d/relstore": deployer.does("sudoers", "--unit", unit).out}


def _prepare(member: Member, texts: dict[str, str]) -> None:
    host = member.host
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
    for path, text in texts.items():
        as_root(host, path, text)
    host.run("chmod", "440", "/etc/sudoers.d/relstore")
    host.run("systemctl", "daemon-reload")
    if member.kind == SLOTS:
        host.run("systemctl", "enable", "--quiet", "web@a", "web@b")
        host.run("systemctl", "enable", "--quiet", "--now", PROXYD.unit)
    else:
        host.run("systemctl", "enable", "--quiet", "web")
