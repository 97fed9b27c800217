"""Hosts that run a real systemd, with logind and OpenSSH, on a network of their own that can be cut.

For what an ordinary sshd process cannot show: units, scopes, lingering, what logind does at logout, a dead
line, a power cut. A host is systemd as PID 1 in namespaces of its own, over an overlay of this machine's
files, or of another tree; its changes are in memory. It needs root, and boots in half a second.

Not for what a disk keeps after a power cut (the kernel and its page cache live on), and not for limits of
memory or CPU. A host has this machine's systemd and python3, unless it is made from the tree of a suite
(``suites.py``).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.hosts.base_tree import ACCOUNT, PATH, BaseTree
from tests.support.hosts.sshd import SSHD, make_key, public_half

GATEWAY = "10.99.0.1"

_SYSTEMD = "/lib/systemd/systemd"
_PROGRAMS = (
    _SYSTEMD,
    SSHD,
    "ssh",
    "ssh-keygen",
    "dbus-daemon",
    "ip",
    "mount",
    "nsenter",
    "setpriv",
    "unshare",
)
_PACKAGES = "systemd libpam-systemd dbus openssh-server openssh-client iproute2 util-linux"
_PREFIX = "relstore-test-"
_BRIDGE = "br0"
_BRIDGE_MAC = "02:00:0a:63:00:01"
_TIMEOUT = 60.0
_RUN_TIMEOUT = 120.0
_POLL = 0.02
_numbers = itertools.count(1)

_CLIENT_CONFIG = """\
Host {name}
    HostName {address}
    Port {port}
    User {user}
    IdentityFile {key}
    IdentitiesOnly yes
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
"""

# /proc is still that of the tests here, so this is the number by which they know the process.
_SAY_PID = 'read -r pid rest </proc/self/stat; echo "$pid"'

# Holds a network's namespaces until the tests close its standard input, be it by dying.
_KEEPER = f"{_SAY_PID}; exec cat"

# From a cgroup of its own (the first argument) on, so that the new cgroup namespace starts there.
_UNSHARE = (
    'echo 0 >"$1/cgroup.procs"; shift; '
    'exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child=SIGKILL sh -euc "$@"'
)

# The first process of a host, in its tree (the first argument). /proc/sys would be this machine's own settings.
_INIT = f"""
{_SAY_PID}
read -r network_is_there
exec </dev/null >&2
cd "$1"
mount -t proc -o nosuid,nodev,noexec proc proc
for path in proc/sys proc/sysrq-trigger; do
    [ -e "$path" ] || continue
    mount --bind "$path" "$path"
    mount -o remount,bind,ro "$path"
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,size=4m,nosuid tmpfs dev
while read -r name major minor; do
    mknod -m 666 "dev/$name" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
END
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
pivot_root . .
umount -l .
cd /
exec env -i container=other PATH={PATH} {_SYSTEMD} --system
"""


def need_systemd_hosts() -> None:
    """Skip where such hosts cannot run; fail instead where RELSTORE_REQUIRE_SYSTEMD says so."""
    reason = why_no_systemd_hosts() if os.geteuid() == 0 else "hosts with systemd need root"
    if reason and os.environ.get("RELSTORE_REQUIRE_SYSTEMD") == "1":
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


class Network:
    """A bridge with the client on it, and any number of hosts. Use as a context: its end is their end too.

    Everything lives in namespaces that one process keeps, so nothing stays behind even when the tests are
    killed. Above some 18 hosts, ``fs.inotify.max_user_instances`` must be more than its usual 128.
    """

    def __init__(self) -> None:
        self.name = f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        self.cgroup = _cgroup_root() / self.name
        self.pid = 0
        self._hosts: list[SystemdHost] = []
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Network:
        _remove_cgroups_of_the_dead()
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "sh", "-euc", _KEEPER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt from the terminal is for the tests, which then end it
        )
        try:
            self.pid = _first_line(self._keeper)
            self.cgroup.mkdir()
            self._ip(
                "link set lo up",
                f"link add {_BRIDGE} address {_BRIDGE_MAC} type bridge",
                f"addr add {GATEWAY}/16 dev {_BRIDGE}",
                f"link set {_BRIDGE} up",
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            for host in list(self._hosts):
                host.stop()
        finally:
            if self._keeper is not None:
                _end_of_input(self._keeper)
                self._keeper.wait(_TIMEOUT)
                self._keeper = None
                _remove_cgroup(self.cgroup)

    @property
    def prefix(self) -> list[str]:
        """The prefix for a command of the client, which then runs where the hosts can be reached."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--"]

    def cut(self, host: SystemdHost) -> None:
        """From now on, what the client and the host send to each other vanishes without a word."""
        self._ip(f"link set {host.link} nomaster")

    def join(self, host: SystemdHost) -> None:
        """Undo ``cut``. What was sent in between is sent again by TCP, when it thinks that it is time."""
        self._ip(f"link set {host.link} master {_BRIDGE}")

    def add(self, host: SystemdHost) -> None:
        """Have the host stopped at the end of the network."""
        self._hosts.append(host)

    def remove(self, host: SystemdHost) -> None:
        """The host is no more."""
        if host in self._hosts:
            self._hosts.remove(host)

    def plug_in(self, host: SystemdHost) -> None:
        """Give a booting host its network card.

        Both sides know each other's hardware address for good. A client that asked for it and got no answer
        would be told "no route to host" after 3 s, which no host behind a router ever says.
        """
        self._ip(
            f"link add {host.link} type veth peer name eth0 address {host.mac} netns {host.pid}",
            f"link set {host.link} master {_BRIDGE} up",
            f"neigh replace {host.address} lladdr {host.mac} dev {_BRIDGE} nud permanent",
        )
        _ip(
            host.pid,
            "link set lo up",
            f"addr add {host.address}/16 dev eth0",
            "link set eth0 up",
            f"neigh replace {GATEWAY} lladdr {_BRIDGE_MAC} dev eth0 nud permanent",
        )

    def unplug(self, host: SystemdHost) -> None:
        """Take the link away now; the kernel would do it some time after the host's end."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._ip(f"link del {host.link}")

    def in_files(self, script: str, *arguments: str) -> None:
        """Run a line of shell where the hosts' trees are mounted."""
        command = [
            "nsenter",
            f"--mount=/proc/{self.pid}/ns/mnt",
            "--",
            "sh",
            "-euc",
            script,
            "sh",
            *arguments,
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=_RUN_TIMEOUT)

    def _ip(self, *lines: str) -> None:
        _ip(self.pid, *lines)


class SystemdHost:
    """A host, on or off. ``root`` and ``deploy`` may log in, with ``key``.

    Each lies in a directory of its own below the one that it is started in.
    """

    port = 22

    def __init__(self, directory: Path, network: Network, name: str, address: str) -> None:
        self.directory = directory / name
        self.network = network
        self.name = name
        self.address = address
        self.key = self.directory / "client_key"
        self.host_key = self.directory / "host_key"
        self.known_hosts = self.directory / "known_hosts"
        self.link = "v" + "-".join(address.split(".")[2:])
        self.mac = "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
        self.cgroup = network.cgroup / name
        self.pid = 0
        self._pidfd = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._mounted = False

    @classmethod
    def start(
        cls,
        directory: Path,
        network: Network,
        name: str,
        address: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        base: BaseTree | None = None,
    ) -> SystemdHost:
        """A new host, booting: see ``wait_running``. ``address`` is 10.99.x.y, but not the client's.

        ``base``: the tree that it is an overlay of; None for this machine's. ``files``: what else there is, by absolute path. What starts with ``#!`` is executable; what is in the
        home of ``deploy`` is his.
        """
        host = cls(directory, network, name, address)
        (host.directory / "disk").mkdir(parents=True)
        make_key(host.key)
        make_key(host.host_key)
        host.known_hosts.write_text(f"{address} {public_half(host.host_key)}\n")
        network.add(host)
        try:
            host._make_tree(base or BaseTree.of_this_machine(), files or {})
            host.boot()
        except BaseException:
            host.stop()
            raise
        return host

    @property
    def root_path(self) -> Path:
        """The host's files, on or off, for the tests to look at: without its ``/run``, ``/tmp`` and ``/proc``.

        It leads through another mount namespace. Do not ``resolve()`` it, and do not follow an absolute link
        of the host's, which would lead to this machine's files.
        """
        return self._disk / "root"

    @property
    def is_on(self) -> bool:
        """Whether it runs. A host that has been told to power off is off some time later."""
        return self._process is not None and self._process.poll() is None

    @property
    def console(self) -> str:
        """What the host has said while it booted."""
        return (self.directory / "console").read_text(errors="replace")

    def ssh_config(self, user: str = ACCOUNT) -> str:
        """A block of ssh_config with which the client gets in as ``user``, by the host's name."""
        return _CLIENT_CONFIG.format(
            name=self.name,
            address=self.address,
            port=self.port,
            user=user,
            key=self.key,
            known_hosts=self.known_hosts,
        )

    def ssh_command(self, user: str = ACCOUNT) -> list[str]:
        """The command with which the client gets in; what the host is to run comes after it."""
        config = self.directory / f"ssh_config_{user}"
        config.write_text(self.ssh_config(user))
        return [*self.network.prefix, "ssh", "-F", str(config), "-o", "BatchMode=yes", self.name]

    def ssh(
        self, command: str, *, user: str = ACCOUNT, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a line of shell as ``user``, through the network and a real login."""
        words = [*self.ssh_command(user), command]
        return subprocess.run(
            words, check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_RUN_TIMEOUT
        )

    def run(
        self,
        *words: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the host, past the network and without a login: no session, no user manager."""
        if not self.is_on:
            raise RuntimeError(f"{self.name} is off")
        # PID 1's cgroup, as systemd may only move to another unit what is in a cgroup that it sees.
        cgroup = _cgroup_of(self.pid)
        namespaces = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--root", "--wd"]
        home = f"/home/{user}" if user and user != "root" else "/root"
        identity = ["setpriv", "--reuid", user, "--regid", user, "--init-groups"] if user else []
        return subprocess.run(
            [
                *("sh", "-euc", 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"', "sh", str(cgroup)),
                *("nsenter", "--target", str(self.pid), *namespaces, "--"),
                *("env", "-i", f"PATH={PATH}", f"HOME={home}", "LANG=C.UTF-8"),
                *(*identity, *words),
            ],
            check=check,
            capture_output=True,
            text=True,
            input=input or "",
            timeout=_RUN_TIMEOUT,
        )

    def wait_running(self, seconds: float = 120) -> str:
        """Until everything is started, sshd included: ``running``, or ``degraded`` where a unit has failed."""
        deadline = time.monotonic() + seconds
        state = ""
        while self.is_on and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # it may go off just now
                state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            if state in {"running", "degraded"}:
                return state
            time.sleep(_POLL)
        raise self._error(f"is not running, but {state or 'silent'}" if self.is_on else "is off")

    def boot(self) -> None:
        """Switch it on, with the files as they are."""
        if self.is_on:
            raise RuntimeError(f"{self.name} is on")
        self.power_cut()  # what is left of a host that has switched itself off
        self.cgroup.mkdir()
        with open(self.directory / "console", "ab") as console:
            self._process = subprocess.Popen(
                [
                    *("nsenter", "--target", str(self.network.pid), "--mount", "--pid", "--"),
                    *("sh", "-euc", _UNSHARE, "sh", str(self.cgroup)),
                    *(_INIT, "sh", str(self.directory / "disk/root")),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                start_new_session=True,
            )
        try:
            self.pid = _first_line(self._process)
            self._pidfd = os.pidfd_open(self.pid)
            self.network.plug_in(self)
        except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
            self.power_cut()
            raise self._error(f"did not boot ({error})") from error
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        _end_of_input(self._process)
        self._wait_for_init()

    def power_cut(self) -> None:
        """All of its processes are gone at once. Its files stay, but not those in ``/run`` and ``/tmp``."""
        if self._process is None:
            return
        # First of all, or the kernel would end the dead processes' connections as if they had closed them.
        self.network.unplug(self)
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        _end_of_input(self._process)
        self._process.wait(_TIMEOUT)
        self._process = None
        self.pid = 0
        _remove_cgroup(self.cgroup)

    def stop(self) -> None:
        """The end of the host and of its files."""
        self.power_cut()
        if self._mounted:
            # Lazily, for the sake of tests that still have a file open there.
            self.network.in_files('umount -l "$1/root"; umount -l "$1"', str(self.directory / "disk"))
            self._mounted = False
        self.network.remove(self)

    @property
    def _disk(self) -> Path:
        return Path(f"/proc/{self.network.pid}/root{self.directory}/disk")

    def _make_tree(self, base: BaseTree, files: Mapping[str, str | bytes]) -> None:
        disk = str(self.directory / "disk")
        # An overlay's upper layer may not lie in its lower one: hence a file system of its own.
        self.network.in_files('mount -t tmpfs -o mode=755 tmpfs "$1"', disk)
        self._mounted = True
        for name in ("upper", "work", "root"):
            (self._disk / name).mkdir()
        base.hide(self._disk / "upper")
        options = f"lowerdir={base.path},upperdir=upper,workdir=work"
        self.network.in_files(f'cd "$1" && mount -t overlay -o {options} overlay root', disk)
        base.fill(self.root_path, {**self._own_files(), **files})

    def _own_files(self) -> dict[str, str]:
        client = public_half(self.key) + "\n"
        return {
            "/etc/hostname": f"{self.name}\n",
            "/etc/hosts": f"127.0.0.1 localhost\n{self.address} {self.name}\n",
            "/etc/machine-id": hashlib.md5(f"{self.network.name} {self.name}".encode()).hexdigest() + "\n",
            "/etc/ssh/ssh_host_ed25519_key": self.host_key.read_text(),
            "/root/.ssh/authorized_keys": client,
            f"/home/{ACCOUNT}/.ssh/authorized_keys": client,
        }

    def _wait_for_init(self) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while self.is_on and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if Path(os.readlink(f"/proc/{self.pid}/exe")).name == "systemd":
                    return
            time.sleep(_POLL / 4)
        raise self._error("did not get as far as systemd")

    def _error(self, what: str) -> RuntimeError:
        return RuntimeError(f"host {self.name} {what}: {self.console[-2000:]}")


@functools.cache
def why_no_systemd_hosts() -> str:
    """What is missing for them on this machine, besides being root; empty where they run."""
    missing = [program for program in _PROGRAMS if not shutil.which(program, path=PATH)]
    if missing:
        return f"no {', '.join(missing)} here (Debian: {_PACKAGES})"
    try:
        _cgroup_root()
        namespaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork"]
        words = [*namespaces, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        subprocess.run(words, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        return f"hosts with systemd need namespaces: {error.stderr.strip()}"
    except OSError as error:
        return f"hosts with systemd need cgroups: {error}"
    return ""


def _cgroup_root() -> Path:
    """Where version 2 of the cgroups is mounted; on its own, or beside version 1."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return Path(before.split()[4])
    raise FileNotFoundError("no cgroup2 file system is mounted")


def _cgroup_of(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return _cgroup_root() / line[3:].lstrip("/")
    raise FileNotFoundError(f"process {pid} is in no cgroup of version 2")


def _remove_cgroup(path: Path) -> None:
    """With all below it. The last process may need a moment to leave."""
    deadline = time.monotonic() + _TIMEOUT
    while path.exists():
        for directory, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path} is still in use")
        if path.exists():
            time.sleep(_POLL)


def _remove_cgroups_of_the_dead() -> None:
    """A killed run leaves empty cgroups behind, and nothing else."""
    for path in _cgroup_root().glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        if not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(RuntimeError):
                _remove_cgroup(path)


def _ip(pid: int, *lines: str) -> None:
    """Run ``ip`` commands in the network namespace of a process."""
    words = ["nsenter", f"--net=/proc/{pid}/ns/net", "--", "ip", "-batch", "-"]
    subprocess.run(
        words, input="\n".join(lines), check=True, capture_output=True, text=True, timeout=_RUN_TIMEOUT
    )


def _first_line(process: subprocess.Popen[bytes]) -> int:
    """The number that a process says first, and then no more."""
    assert process.stdout is not None
    with process.stdout as stdout:
        line = stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args!r} said nothing")
    return int(line)


def _end_of_input(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
