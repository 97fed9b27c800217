"""P9: a host that lies, floods, falls silent or sends terminal escapes cannot hurt a client.

Each command runs against each lie of ``evil_host``, over a real sshd, at a terminal; some also run against servers
that violate SSH (``evil_server``). A command must end by itself or by Ctrl-C, in little memory, with a documented exit
code. It must print none of the host's escapes and no traceback, and write nothing but its cache and its state.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from relstore.cli.exit_codes import MEANINGS
from tests.proof import at_terminal, evil_server
from tests.proof.at_terminal import Seen
from tests.proof.evil_host import LIES
from tests.proof.evil_server import BENT, EvilServer
from tests.proof.scenarios import two
from tests.proof.tally import Tally, some, try_all
from tests.support.host_side import REPOSITORY, WEB, copy_store, snapshot
from tests.support.hosts.sshd import ADDRESS, SSHD, Sshd, public_directory
from tests.support.user import PROGRAM, User, target_of

SEEDS = 2
MEMORY = 200 * 2**20
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("push", "web"),
    ("push", "web", "--json", "-v"),
    ("status",),
    ("status", "--json"),
    ("list-generations",),
    ("show", "1", "--files"),
    ("history", "--html", "-"),
    ("diff", "1", "2"),
    ("log",),
    ("attach",),
    ("switch-generation", "2"),
    ("pin", "kept", "1"),
    ("mark", "bad", "2"),
    ("delete-generations", "2"),
    ("verify",),
    ("verify", "--repair"),
    ("gc", "--keep", "1"),
    ("gc", "--keep", "1", "--json", "--dry-run"),
)
SERVER_SEEDS = 40
SERVER_COMMANDS: tuple[tuple[str, ...], ...] = (("push", "web"), ("status", "--json"), ("list-generations",))
_SIGNS = ("\x1b]0;", "\x1b[2J", "\u202e", "\x9b")
"""Parts of the escapes that the host sends."""
_MISHAPS = ("Traceback (most", "Exception ignored", "was never awaited", "Task was destroyed", "Warning: ")
_MAY_WRITE = (".cache/relstore", ".local/state/relstore")

_KEEPS = """
import subprocess, sys
kept = []
with subprocess.Popen(["ssh", "-F", *sys.argv[1:], "echo"], stdout=subprocess.PIPE) as ssh:
    while len(kept) < 8000 and (data := ssh.stdout.read(65536)):
        kept.append(data)
    ssh.kill()
"""


class Case(NamedTuple):
    seed: int
    lie: str
    command: tuple[str, ...]


def _server_cases() -> list[Case]:
    """Each lie twice; the lie that depends on the seed, more often."""
    plain = [Case(*case) for case in product(range(SEEDS), evil_server.LIES, SERVER_COMMANDS)]
    bending = [Case(*case) for case in product(range(SERVER_SEEDS), (BENT,), SERVER_COMMANDS)]
    return plain + bending


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    return "" if os.access(SSHD, os.X_OK) else "no sshd here (Debian: openssh-server)"


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases, instead of each lie with each command, twice."""
    two(directory / "store")
    cases = [Case(*case) for case in product(range(SEEDS), LIES, COMMANDS)]
    tally = Tally("hosts that send anything")
    try_all(tally, list(some(cases, most)), partial(_try, directory / "store"), directory)
    for name, (lie, words) in CONTROLS.items():
        with _evil_host(directory / "store", directory / lie, lie, 0) as (server, _):
            address = [str(server.config), "-p", str(server.port), server.host]
            seen = at_terminal.run([*words, *address], dict(os.environ), directory)
            tally.control(name, list(_wrong(seen)))
    yield tally
    tally = Tally("servers that violate SSH")
    try_all(tally, list(some(_server_cases(), most)), _try_server, directory / "servers")
    yield tally


CONTROLS: dict[str, tuple[str, Sequence[str]]] = {
    "ssh, which prints what it receives": ("banner", ("ssh", "-F")),
    "a client that keeps all it receives": ("noise", (sys.executable, "-c", _KEEPS)),
}


@contextmanager
def _evil_host(good: Path, place: Path, lie: str, seed: int) -> Iterator[tuple[Sshd, Path]]:
    """A server with a copy of the store."""
    place.mkdir(exist_ok=True)
    store = copy_store(good, place / "store")
    program = f"cd {REPOSITORY} && exec {sys.executable} -m tests.proof.evil_host {lie} {seed}"
    with public_directory() as directory:
        server = Sshd.start(directory, key_options=f'restrict,command="{program}"')
        try:
            yield server, store
        finally:
            server.stop()


def _try(good: Path, case: Case, place: Path) -> Iterator[str]:
    user = _user(place)
    with _evil_host(good, place, case.lie, case.seed) as (server, store):
        user.may_log_in_to(server)
        yield from _ask(user, target_of(server, store), case.command)


def _try_server(case: Case, place: Path) -> Iterator[str]:
    user = _user(place)
    with public_directory() as directory:
        server = Sshd.start(directory)
        try:
            with EvilServer(case.lie, case.seed, server.port) as evil:
                user.may_log_in_to(server)
                with server.known_hosts.open("a") as known:
                    known.write(f"[{ADDRESS}]:{evil.port} {server.host_key}\n")
                target = f"{server.user}@{ADDRESS}:{evil.port}:{place / 'store'}"
                yield from _ask(user, target, case.command)
        finally:
            server.stop()


def _user(place: Path) -> User:
    """A user with something to push."""
    user = User.create(place / "home")
    artifact = user.home / "web"
    artifact.mkdir()
    (artifact / "version").write_text("3")
    (artifact / "large").write_bytes(os.urandom(300_000))
    return user


def _ask(user: User, target: str, command: Sequence[str]) -> Iterator[str]:
    before = snapshot(user.home)
    words = [*PROGRAM, "--to", target, "--app", WEB, *command]
    seen = at_terminal.run(words, {**user.environment, "TERM": "xterm"}, user.home)
    yield from _wrong(seen)
    if seen.code not in MEANINGS and seen.code is not None:
        yield f"exit code {seen.code}: {seen.printed[-300:]!r}"
    after = snapshot(user.home)
    changed = [path for path in sorted({*after, *before}) if before.get(path) != after.get(path)]
    allowed = tuple(str(user.home / path) for path in _MAY_WRITE)
    for path in changed:
        if not path.startswith(allowed) and not any(one.startswith(path) for one in allowed):
            yield f"{path} was changed"


def _wrong(seen: Seen) -> Iterator[str]:
    printed = seen.printed.decode("utf-8", "replace")
    if seen.code is None:
        yield f"neither ended nor reacted to Ctrl-C: {printed[-300:]!r}"
    if seen.memory > MEMORY:
        yield f"used {seen.memory // 2**20} MiB of memory"
    for sign in (*_SIGNS, *_MISHAPS):
        if sign in printed:
            at = printed.index(sign)
            yield f"printed {sign!r}: {printed[max(0, at - 100) : at + 300]!r}"
