"""A link with a real sshd at its far end, and a home directory of its own for the client."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.links import Link
from tests.support.hosts.sshd import Sshd

HOSTS = 10
"""How many stores the cells with several hosts push to; all of them are behind one link."""

_PEERS = ("by-rsync", "by-releases", "by-nix", "by-casync", "by-ostree", "by-capistrano")
_KEPT = ("objects", "patches", "scans", "recent")


class Room:
    """A link with a real sshd at its far end, and a home directory of its own for the client."""

    def __init__(self, link: Link, directory: Path, account: str | None) -> None:
        """``account``: the account to log in to; None for our own, whose shell may be slow to start."""
        self.link = link
        self.account = account
        self.directory = directory
        self.home = directory / "home"
        self.remote = directory / "remote"
        self._built: Path | None = None
        """Where the artifact is mounted that was built last."""

    def __enter__(self) -> Room:
        (self.home / ".ssh").mkdir(parents=True)
        self._make_remote()
        self.server = Sshd.start(
            self.directory, user=self.account, address=self.link.address, prefix=self.link.host
        )
        self.group = _cgroups() / f"bench-relstore-{os.getpid()}"
        self.group.mkdir()
        (self.group / "cgroup.procs").write_text(str(self.server.process.pid))
        config = self.server.config.read_text() + f"    Port {self.server.port}\n"
        (self.home / ".ssh" / "config").write_text(config)
        return self

    def __exit__(self, *exc: object) -> None:
        self._take_away()
        self.server.stop()
        with contextlib.suppress(OSError):  # a job may still be running
            self.group.rmdir()

    @property
    def place(self) -> str:
        return f"{self.server.user}@{self.link.address}"

    def ssh(self, *words: str) -> list[str]:
        return [*self.ssh_words("ssh"), self.place, *words]

    @property
    def shell(self) -> str:
        """The ssh command as one string, as rsync and others expect it."""
        return " ".join(self.ssh_words("ssh"))

    def ssh_words(self, program: str) -> list[str]:
        return [program, "-F", str(self.home / ".ssh" / "config")]

    def relstore(self, *words: str, stores: int = 1) -> list[str]:
        """relstore's command line, with one or more stores at the host."""
        place = f"{self.place}:{self.server.port}:{self.remote}/store"
        to = [word for number in range(stores) for word in ("--to", f"{place}-{number}")]
        return [sys.executable, "-m", "relstore", "-q", *words, "--app", "app", *to]

    def run(self, words: list[str]) -> resource.struct_rusage:
        """Run a command at the client; returns what it and its children used. Raises CalledProcessError."""
        environment = {**os.environ, "HOME": str(self.home)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["NIX_SSHOPTS"] = " ".join(self.ssh_words("ssh")[1:])
        process = subprocess.Popen(
            [*self.link.client, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, words, stderr=said.decode())
        return used

    def as_built(self, artifact: Path) -> Path:
        """The path where a build leaves every release, so that unchanged files are not read again.

        It is mounted there: relstore would see through a symlink, and a hard link would change every file.
        """
        place = self.directory / "built"
        self._take_away()
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", str(artifact.parent), str(place)], check=True)
        self._built = place
        return place / artifact.name

    def _take_away(self) -> None:
        if self._built is not None:
            subprocess.run(["umount", "--lazy", str(self._built)], check=True)
            self._built = None

    @contextlib.contextmanager
    def kept_connection(self) -> Iterator[None]:
        """One connection that stays open and that every command of ssh uses, relstore's too."""
        config = self.home / ".ssh" / "config"
        alone = config.read_text()
        config.write_text(f"{alone}    ControlPath {self.home}/.ssh/kept-%C\n")
        try:
            self.run([*self.ssh_words("ssh"), "-M", "-N", "-f", self.place])
            try:
                yield
            finally:
                self.run([*self.ssh_words("ssh"), "-O", "exit", self.place])
        finally:
            config.write_text(alone)

    def host_cpu(self) -> float:
        """Processor seconds of everything that the host's sshd has started so far, including jobs."""
        words = (self.group / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6

    def clear(self) -> None:
        """Remove everything at the host, and everything at the client except the speed of the link."""
        subprocess.run(["chmod", "-Rf", "u+w", str(self.remote)], check=False)
        shutil.rmtree(self.remote)
        self._make_remote()
        for kind in _KEPT:
            shutil.rmtree(self.home / ".cache" / "relstore" / kind, ignore_errors=True)
        for peer in ("nix", "casync", "ostree"):
            subprocess.run(["chmod", "-Rf", "u+w", str(self.home / peer)], check=False)
            shutil.rmtree(self.home / peer, ignore_errors=True)

    def _make_remote(self) -> None:
        for place in (self.remote, *(self.remote / peer for peer in _PEERS)):
            place.mkdir()
            place.chmod(0o777)


def _cgroups() -> Path:
    """The root of the cgroup2 hierarchy, whose groups count processor time (cgroups(7))."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise FileNotFoundError("bench needs cgroup2 to count the host's processor time")
