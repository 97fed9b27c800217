"""A person at a terminal: runs the installed ``relstore`` in a home directory of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relstore.client.connection.account import Account
from relstore.client.connection.connect import connected
from relstore.client.operations.access import HostAccess
from relstore.client.operations.activate import activate
from relstore.client.operations.interrupt import Interrupts
from relstore.client.operations.plan import ActivationOptions
from relstore.client.reporter import Reporter
from relstore.client.target import Target
from relstore.formats.names import AppName
from relstore.formats.recipe import Recipe
from tests.support.hosts.sshd import Sshd
from tests.support.json_output import RelstoreProcess

PROGRAM = (sys.executable, "-m", "relstore")
TIMEOUT_S = 240


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Its one JSON document."""
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass(frozen=True)
class User:
    home: Path

    @classmethod
    def create(cls, home: Path) -> User:
        (home / ".ssh").mkdir(parents=True)
        return cls(home)

    def may_log_in_to(self, server: Sshd) -> None:
        """Give the person the ssh configuration for ``server``."""
        config = self.home / ".ssh" / "config"
        config.write_text(server.config.read_text())
        config.chmod(0o600)

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("RELSTORE_", "XDG_"))
        }
        return {**kept, "HOME": str(self.home), "PYTHONWARNINGS": "error", "NO_COLOR": "1"}

    def start(
        self, *arguments: object, cwd: Path | None = None, prefix: Sequence[str] = ()
    ) -> RelstoreProcess:
        """``prefix``: the words before a command that run it where the hosts can be reached."""
        return RelstoreProcess(
            [*prefix, *PROGRAM, *map(str, arguments)],
            cwd=cwd or self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, cwd: Path | None = None, prefix: Sequence[str] = ()) -> Ran:
        """Run to the end, whatever that is."""
        with self.start(*arguments, cwd=cwd, prefix=prefix) as process:
            out, err = process.communicate(timeout=TIMEOUT_S)
        assert "Traceback" not in err, err
        return Ran(process.returncode, out, err)

    def does(self, *arguments: object, cwd: Path | None = None) -> Ran:
        """Run what must go well."""
        ran = self.run(*arguments, cwd=cwd)
        assert ran.code == 0, f"{arguments}: exit code {ran.code}\n{ran.out}\n{ran.err}"
        return ran


def target_of(server: Sshd, path: Path) -> str:
    return f"{server.user}@{server.host}:{server.port}:{path}"


def make_site(directory: Path, version: str) -> Path:
    """One of everything that a build can hold; ``version`` is what ``index.html`` says."""
    directory.mkdir(exist_ok=True)
    (directory / "index.html").write_text(version)
    (directory / "empty-file").write_bytes(b"")
    (directory / "empty-directory").mkdir(exist_ok=True)
    (directory / "deep" / "er").mkdir(parents=True, exist_ok=True)
    (directory / "deep" / "er" / "näme with blank").write_text("x" * 5000)
    program = directory / "run"
    program.write_text('#!/bin/sh\ncat "$(dirname "$0")/index.html"\n')
    program.chmod(0o755)
    (directory / "same-bytes-plain").write_bytes(program.read_bytes())
    link = directory / "link"
    if not link.is_symlink():
        link.symlink_to("deep/er")
    return directory


def switch_often(user: User, target: str, specs: list[str], times: int) -> None:
    """Activate the generations in turn over one session, as a program that uses the client would."""
    account = Account(str(user.home), "tester", None, (str(user.home / ".ssh" / "config"),), 10, None)

    async def run() -> None:
        async with connected(Target.parse(target), account, Reporter()) as session:
            for number in range(times):
                spec = specs[number % len(specs)]
                place = HostAccess(Target.parse(target), account, Reporter(), Interrupts())
                ended = await activate(
                    session, place, AppName("site"), spec, ActivationOptions("tester", Recipe())
                )
                assert ended.outcome == "active", ended

    asyncio.run(run())
