"""What many hosts cost the client in processor time, memory and time, beside the least that asyncssh can do.

Starts real OpenSSH servers on addresses of the loopback network, and runs relstore's commands in turn with a
program that only logs in to all of them and runs ``true`` (``bare_logins``). ``--write`` writes the part of
docs/scale.md. Not for what the hosts have to do, which share this machine's cores here.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from bench.fleet_hosts import ManyHosts, many_hosts
from bench.scale import ROOT

SIZES = (10, 50, 100, 200, 400)
RELEASE_BYTES = 1_000_000
BEHIND = 60
"""Hosts behind the bastion."""
FEW_FILES, FEW_FILES_HOSTS = 256, 300
"""A hard limit of open files, and so many hosts."""

BARE, TALK = "asyncssh, `true`", "asyncssh, a talk"
UNCHANGED, FIRST = "unchanged push", "first push, 1 MB"


class Taken(NamedTuple):
    """What one command took."""

    cpu: float
    """Seconds of the client and the processes that it ran."""
    memory: int
    """Peak of its largest process, in bytes."""
    seconds: float


@dataclass
class Curve:
    """All that was taken, by the number of hosts and the work."""

    taken: dict[tuple[int, str], list[Taken]] = field(default_factory=dict)

    def add(self, hosts: int, work: str, taken: Taken) -> None:
        self.taken.setdefault((hosts, work), []).append(taken)
        print(f"{hosts:4} {work:18} {taken.cpu:6.2f} s cpu {taken.memory / 2**20:6.0f} MiB "
              f"{taken.seconds:6.1f} s, load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip

    def median(self, hosts: int, work: str) -> Taken:
        runs = self.taken[hosts, work]
        cpu, memory, seconds = (statistics.median(column) for column in zip(*runs, strict=True))
        return Taken(cpu, int(memory), seconds)

    def ratio(self, hosts: int, least: str) -> float:
        """The median of the ratios of neighbours: others' load comes and goes, and both see the same."""
        pairs = zip(self.taken[hosts, UNCHANGED], self.taken[hosts, least], strict=True)
        return statistics.median(ours.cpu / other.cpu for ours, other in pairs)

    @property
    def sizes(self) -> list[int]:
        return sorted({hosts for hosts, _ in self.taken})

    def at(self, hosts: int, work: str) -> tuple[float, float]:
        """CPU seconds and MiB for so many, on the line through the two largest sizes."""
        one, other = self.sizes[-2:]
        lower, upper = self.median(one, work), self.median(other, work)
        part = (hosts - one) / (other - one)
        return (
            lower.cpu + part * (upper.cpu - lower.cpu),
            (lower.memory + part * (upper.memory - lower.memory)) / 2**20,
        )


def run(words: Sequence[str], home: Path, said: str = "", limit: int | None = None) -> Taken:
    """Run a command to its end; it must succeed. ``limit``: of open files, also the hard one."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit or 0, limit or 0))

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RELSTORE_", "XDG_"))}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    for name in ("SSH_AUTH_SOCK", "PYTHONDONTWRITEBYTECODE"):  # with the latter, each run compiles everything
        environment.pop(name, None)
    with _file(said) as stdin, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        process = subprocess.Popen(
            words,
            cwd=home,
            env=environment,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            preexec_fn=limited if limit else None,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            errors.seek(0)
            sys.exit(f"{words}: ended with {process.returncode}\n{errors.read().decode()[-4000:]}")
    return Taken(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, seconds)


@contextmanager
def _file(text: str) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


class Client:
    """A person with a release for so many of the hosts."""

    def __init__(self, hosts: ManyHosts, count: int, name: str, *, behind: bool = False) -> None:
        self._hosts = hosts
        self._addresses = hosts.addresses[:count]
        self._home = hosts.make_home(name, behind=behind)
        (self._home / "release").write_bytes(os.urandom(RELEASE_BYTES))
        table = "".join(
            f'web{number} = "{hosts.store(address, name)}"\n'
            for number, address in enumerate(self._addresses, 1)
        )
        (self._home / "relstore.toml").write_text(
            f'app = "web"\nartifact = "release"\n[rollout]\nmax-parallel = 20\n[hosts]\n{table}'
        )

    def push(self, limit: int | None = None, *words: str) -> Taken:
        return run((sys.executable, "-m", "relstore", "push", *words), self._home, limit=limit)

    def bare(self, *, talks: bool = False) -> Taken:
        hosts = self._hosts
        said = {
            "hosts": self._addresses,
            "port": hosts.port,
            "user": hosts.user,
            "directory": str(hosts.directory),
            "talks": talks,
        }
        return run((sys.executable, "-m", "bench.bare_logins"), self._home, json.dumps(said))


def measure(curve: Curve, hosts: ManyHosts, count: int, rounds: int) -> None:
    client = Client(hosts, count, f"of-{count}")
    curve.add(count, FIRST, client.push())
    for _ in range(rounds):
        curve.add(count, BARE, client.bare())
        curve.add(count, TALK, client.bare(talks=True))
        curve.add(count, UNCHANGED, client.push())


def cell(taken: Taken) -> str:
    return f"{taken.cpu:.2f} s, {taken.memory / 2**20:.0f} MiB, {taken.seconds:.1f} s"


def table(curve: Curve) -> str:
    """One row for each number of hosts."""
    rows = [
        f"| hosts | {BARE} | {TALK} | {UNCHANGED} | to the first, to the second | {FIRST} |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    works = (BARE, TALK, UNCHANGED, FIRST)
    for hosts in curve.sizes:
        bare, talk, unchanged, first = (cell(curve.median(hosts, work)) for work in works)
        ratios = f"{curve.ratio(hosts, BARE):.2f}, {curve.ratio(hosts, TALK):.2f}"
        rows.append(f"| {hosts} | {bare} | {talk} | {unchanged} | {ratios} | {first} |")
    if len(curve.sizes) > 1:
        far = {work: curve.at(1000, work) for work in works}
        bare, talk, unchanged, first = (f"{cpu:.1f} s, {memory:.0f} MiB" for cpu, memory in far.values())
        ratios = f"{far[UNCHANGED][0] / far[BARE][0]:.2f}, {far[UNCHANGED][0] / far[TALK][0]:.2f}"
        rows.append(f"| 1,000, extrapolated | {bare} | {talk} | {unchanged} | {ratios} | {first} |")
    return "\n".join(rows)


def small(hosts: ManyHosts) -> str:
    """A bastion with sshd's own limit of logins, and a client with a low limit of open files."""
    behind = Client(hosts, BEHIND, "behind", behind=True)
    through = (behind.push(), behind.push())
    print(f"behind a bastion: {through}", flush=True)
    few = Client(hosts, FEW_FILES_HOSTS, "few-files")
    limited = (few.push(FEW_FILES), few.push(FEW_FILES))
    print(f"with {FEW_FILES} files: {limited}", flush=True)
    return (
        f"{BEHIND} hosts behind one jump host with sshd's default `MaxStartups 10:30:100`: none is lost, in "
        f"{through[0].seconds:.0f} s for the first push and {through[1].seconds:.0f} s for an unchanged one. "
        f"{FEW_FILES_HOSTS} hosts with a hard limit of {FEW_FILES} open files: none is lost, in "
        f"{limited[0].seconds:.0f} s and {limited[1].seconds:.0f} s.\n"
    )


HEADING = "## Many hosts\n"
PAGE = f"""{HEADING}
`python -m bench.fleet --write` makes this part, with real OpenSSH servers, which share the cores of one
machine with the client. Each cell has the processor time of the client and of all processes that it runs, its
peak memory, and the time on the clock, most of which the hosts take here. The first column is the least that
a program on asyncssh can do: log in to all hosts, know their keys beforehand, and run `true`. In the second,
the same program has a conversation as short as that of an unchanged push, so this is the floor for any
program that asks its hosts something. The ratios are those of the processor time of an unchanged push to
both, measured in turn. The last line is not measured: it goes on from the two lines before it.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    parser.add_argument("--hosts", type=int, action="append", help="default: 10, 50, 100, 200 and 400")
    parser.add_argument("--rounds", type=int, default=3, help="of the unchanged push and the bare logins")
    parser.add_argument("--account", help="whom to log in as; default: who runs this")
    parser.add_argument("--write", action="store_true", help="write the part of docs/scale.md")
    chosen = parser.parse_args()
    sizes = sorted(chosen.hosts or SIZES)
    curve, words = Curve(), ""
    with many_hosts(max(*sizes, FEW_FILES_HOSTS if chosen.write else 0), chosen.account) as hosts:
        for count in sizes:
            measure(curve, hosts, count, chosen.rounds)
        if chosen.write:
            words = small(hosts)
    print(table(curve))
    if chosen.write:
        page = ROOT / "docs" / "scale.md"
        before = page.read_text().partition(HEADING)[0].rstrip()
        page.write_text(f"{before}\n\n{PAGE}{table(curve)}\n\n{words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
