"""Every documented exit code is what the program really ends with, one way to each. Nothing else: see
``tests/cli/test_exit_codes.py``, and ``tests/support/json_output.py``, which looks at the code of whatever a test runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from relstore.cli import exit_codes
from tests.support.user import PROGRAM, User, make_site

NOBODY = "nobody@127.0.0.1:1:/srv/web"
"""No server listens on this port."""


class Case:
    """Somebody with a store of one generation on their own machine, and how to come to each code."""

    def __init__(self, user: User, place: Path) -> None:
        self.user, self.place = user, place
        self.store, self.site = place / "store", make_site(place / "site", "one")
        user.does("push", self.site, "--to", self.store)

    def done(self) -> int:
        return self.user.run("status", "--to", self.store).code

    def failed(self) -> int:
        return self.user.run("unpin", "nothing", "--to", self.store).code

    def usage(self) -> int:
        return self.user.run("push", self.site, "--to", self.store, "--no-such-option").code

    def rolled_back(self) -> int:
        make_site(self.site, "two")
        return self.user.run(
            "push", self.site, "--to", self.store, "--restart", "! grep -q two $RELSTORE_PATH/index.html"
        ).code

    def some_hosts_failed(self) -> int:
        return self.user.run("status", "--to", self.store, "--to", self.place / "none").code

    def busy(self) -> int:
        gate = self.place / "gate"
        os.mkfifo(gate)
        make_site(self.site, "two")
        slow = ("push", self.site, "--to", self.store, "-v", "--restart", f"read x < {gate}")
        with self.user.start(*slow) as first:
            assert first.stderr is not None
            assert any("restarting" in line for line in first.stderr)
            code = self.user.run("switch-generation", "1", "--to", self.store).code
            gate.write_text("go on\n")
        return code

    def cannot_connect(self) -> int:
        return self.user.run("status", "--to", NOBODY, "--connect-timeout", "5s").code

    def stuck(self) -> int:
        make_site(self.site, "two")
        return self.user.run("push", self.site, "--to", self.store, "--restart", "false").code

    def waits(self) -> int:
        make_site(self.site, "two")
        to = ("--to", self.store, "--to", self.place / "another")
        return self.user.run("push", self.site, *to, "--canary", "1", "--pause", "canary").code

    def unexpected(self) -> int:
        """A process that may open so few files that it cannot even ask a helper."""
        words = ["sh", "-c", 'ulimit -n 6; exec "$@"', "sh", *PROGRAM, "status", "--to", str(self.store)]
        return subprocess.run(words, env=self.user.environment, capture_output=True, check=False).returncode

    def output_lost(self) -> int:
        with open("/dev/full", "wb") as full:
            words = [*PROGRAM, "status", "--to", str(self.store)]
            return subprocess.run(words, env=self.user.environment, stdout=full, check=False).returncode

    def interrupted(self) -> int:
        begun = self.place / "begun"
        os.mkfifo(begun)
        build = f"echo > {begun}; sleep 60"
        with self.user.start("push", self.site, "--to", self.store, "--build", build) as process:
            begun.read_text()
            process.send_signal(signal.SIGINT)
            return process.wait(timeout=60)


WAYS: dict[int, Callable[[Case], int]] = {
    exit_codes.DONE: Case.done,
    exit_codes.FAILED: Case.failed,
    exit_codes.USAGE: Case.usage,
    exit_codes.ROLLED_BACK: Case.rolled_back,
    exit_codes.SOME_HOSTS_FAILED: Case.some_hosts_failed,
    exit_codes.BUSY: Case.busy,
    exit_codes.CANNOT_CONNECT: Case.cannot_connect,
    exit_codes.STUCK: Case.stuck,
    exit_codes.WAITS: Case.waits,
    exit_codes.UNEXPECTED: Case.unexpected,
    exit_codes.OUTPUT_LOST: Case.output_lost,
    exit_codes.INTERRUPTED: Case.interrupted,
}


def test_there_is_a_way_to_each() -> None:
    assert WAYS.keys() == exit_codes.MEANINGS.keys()


@pytest.mark.parametrize("code", WAYS)
def test_it_ends_with(code: int, user: User, tmp_path: Path) -> None:
    assert WAYS[code](Case(user, tmp_path)) == code
