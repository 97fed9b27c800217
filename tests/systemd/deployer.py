"""A person who deploys a web service to a host with systemd, and somebody who calls it all the time."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosts.systemd import SystemdHost
from tests.support.json_output import RelstoreProcess
from tests.support.user import PROGRAM, TIMEOUT_S, Ran, User
from tests.systemd import releases

FAST = ("--health-interval", "100ms", "--health-stable", "500ms", "--health-timeout", "30s")
HTTP = ("--http", "http://127.0.0.1:8080/")

# With what python3-minimal has.
FETCH = """
import socket, sys
with socket.create_connection(("127.0.0.1", 8080), timeout=30) as connection:
    connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    answer = b""
    while data := connection.recv(4096):
        answer += data
head, _, body = answer.partition(b"\\r\\n\\r\\n")
print(body.decode())
sys.exit(b" 200 " not in head)
"""

# One line a request: the time, how long it took, and what was answered ("-": nothing).
LOAD = """
import socket, sys, time
address = sys.argv[1]
while True:
    began = time.time()
    try:
        with socket.create_connection((address, 8080), timeout=30) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while data := connection.recv(4096):
                answer += data
        head, _, body = answer.partition(b"\\r\\n\\r\\n")
        said = body.decode() if b" 200 " in head else "-"
    except OSError:
        said = "-"
    print(f"{began:.4f} {time.time() - began:.4f} {said or '-'}", flush=True)
    time.sleep(0.005)
"""


@dataclass(frozen=True)
class Request:
    """One request to the service."""

    began: float
    seconds: float
    body: str
    """``-`` when it was not answered with 200."""


@dataclass(frozen=True)
class Deployer:
    """``account`` at ``host``, with relstore on a machine beside it."""

    user: User
    host: SystemdHost
    account: str = "root"
    root: str = "/srv/web"

    @classmethod
    def at(cls, host: SystemdHost, home: Path, account: str = "root", root: str = "/srv/web") -> Deployer:
        user = User.create(home)
        config = home / ".ssh" / "config"
        config.write_text(host.ssh_config(account))
        config.chmod(0o600)
        return cls(user, host, account, root)

    def start(self, *words: object) -> RelstoreProcess:
        """relstore, under way."""
        return RelstoreProcess(
            [*self.host.network.prefix, *PROGRAM, *map(str, words), "--to", f"{self.host.name}:{self.root}"],
            cwd=self.user.home,
            env=self.user.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: object) -> Ran:
        with self.start(*words) as process:
            try:
                out, err = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()  # the end of the block waits for it
        assert "Traceback" not in err, err
        return Ran(process.returncode, out, err)

    def does(self, *words: object) -> Ran:
        ran = self.run(*words)
        assert ran.code == 0, f"{words}: exit code {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def push(self, name: str, version: str, *flags: str) -> Ran:
        """Push the release called ``name`` as the app ``web``."""
        return self.run(*self.words(name, version, *flags))

    def words(self, name: str, version: str, *flags: str) -> tuple[object, ...]:
        """The arguments of that push; later flags win over earlier ones."""
        made = releases.make(self.user.home / "release", name, version)
        unit = () if "--unit" in flags else ("--unit", "web")
        return ("push", made, "--app", "web", *unit, *HTTP, *FAST, *flags)

    def events(self) -> list[tuple[str, int]]:
        """The journal of the app, as (event, generation)."""
        document = self.does("log", "--app", "web", "--json").document
        return [(event["event"], event["generation"]) for event in document["hosts"][0]["events"]]

    def last_reason(self) -> str:
        document = self.does("log", "--app", "web", "--json").document
        reason: str = document["hosts"][0]["events"][-1]["reason"]
        return reason

    def serves(self, seconds: float = 60) -> str:
        """What the service answers, tried until it does."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.host.run("python3", "-c", FETCH, check=False)
            if done.returncode == 0 or time.monotonic() > deadline:
                return done.stdout.strip()
            time.sleep(0.1)

    def status(self) -> dict[str, object]:
        document = self.does("status", "--app", "web", "--json").document
        status: dict[str, object] = document["hosts"][0]
        return status

    @contextmanager
    def under_load(self) -> Iterator[list[Request]]:
        """Somebody calls the service all the time; the list is filled at the end of the block."""
        found: list[Request] = []
        words = [*self.host.network.prefix, sys.executable, "-c", LOAD, self.host.address]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as caller:
            try:
                yield found
            finally:
                caller.terminate()
                assert caller.stdout is not None
                for line in caller.stdout.read().splitlines():
                    began, seconds, *body = line.split(" ", 2)
                    found.append(Request(float(began), float(seconds), body[0] if body else "-"))


def document(ran: Ran) -> dict[str, object]:
    """The one host's part of a push's document."""
    found: dict[str, object] = json.loads(ran.out)["hosts"][0]
    return found
