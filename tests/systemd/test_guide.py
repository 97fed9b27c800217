"""The guide, followed to the letter from a host where nothing is prepared: its commands and its relstore.toml.

Only the program is another one than the three lines that the guide's own test pushes: it serves something. After the
guide's releases come some that must not go live. What the guide shows of the output is checked elsewhere
(``tests.test_docs_stories``).
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.hosts.base_tree import ACCOUNT
from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import Deployer
from tests.test_docs_stories import ROOT, Step, run_steps, steps_of

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

GUIDE = ROOT / "docs/guide.md"
SERVICE = Path(__file__).with_name("guide_service.py")
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLAYED = ("The first deploy", "The next release", "When a release fails")
UNIT_FILE = "/etc/systemd/system/web.service"


@dataclass(frozen=True)
class Desk:
    """Somebody's own machine: a project, and what runs there."""

    host: SystemdHost
    project: Path
    environment: Mapping[str, str]

    def run(self, *steps: Step) -> list[tuple[int, str]]:
        return run_steps(list(steps), self.project, self.environment, self.host.network.prefix)

    def does(self, command: str) -> str:
        ((code, output),) = self.run(Step(0, command, None, False))
        assert code == 0, f"{command}\nended with {code}, printed:\n{output}"
        return output

    def release(self, version: int, note: str = "") -> tuple[int, str]:
        """Push another version of the program; ``note`` is what is wrong with it."""
        source = SERVICE.read_text() + f"# version {version}\n# {note}\n"
        (self.project / "web.sh").write_text(source)
        ((code, output),) = self.run(Step(0, "relstore push", None, True))
        return code, output


def section(title: str) -> tuple[int, int]:
    """The first line of a section of the guide, and the one after its last."""
    lines = GUIDE.read_text().splitlines()
    start = lines.index(f"## {title}")
    heads = [number for number, line in enumerate(lines) if line.startswith("## ") and number > start]
    return start + 1, (heads or [len(lines)])[0]


def preparation() -> tuple[str, ...]:
    """What root does on the host, and the two that are run at the desk: the unit, and the rule for sudo."""
    first, last = section("Prepare a host")
    text = "\n".join(GUIDE.read_text().splitlines()[first:last]) + "\n"
    return tuple(SHELL_BLOCK.findall(text))


def story() -> Iterator[Step]:
    """The steps of the sections that deploy, with a real program in place of the first one."""
    ranges = [range(*section(title)) for title in PLAYED]
    for step in steps_of(GUIDE):
        if any(step.line in lines for lines in ranges):
            yield step
            if step.command.startswith("git init"):
                yield Step(
                    step.line, f"(cat {shlex.quote(str(SERVICE))}; echo '# version 1') > web.sh", None, False
                )


@pytest.fixture
def desk(network: Network, tmp_path: Path) -> Iterator[Desk]:
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.1.4")
    try:
        host.wait_running()
        host.run("userdel", "--remove", ACCOUNT, check=False)
        host.run("sh", "-c", "cat > /root/ada.pub", input=Path(f"{host.key}.pub").read_text())
        yield Desk(host, tmp_path / "home/project", environment(host, tmp_path / "home"))
    finally:
        host.stop()


def environment(host: SystemdHost, home: Path) -> Mapping[str, str]:
    """OpenSSH looks for its configuration in the account's own home, whatever $HOME is."""
    for directory in (home / ".ssh", home / "bin", home / "project"):
        directory.mkdir(parents=True, mode=0o700)
    config = home / ".ssh/config"
    config.write_text(host.ssh_config("root"))
    for name in ("ssh", "scp"):
        program = home / "bin" / name
        program.write_text(f'#!/bin/sh\nexec /usr/bin/{name} -F {config} "$@"\n')
        program.chmod(0o755)
    person = {
        "AUTHOR_NAME": "ada",
        "AUTHOR_EMAIL": "ada@desk",
        "COMMITTER_NAME": "ada",
        "COMMITTER_EMAIL": "ada@desk",
    }
    return {
        "HOME": str(home),
        "LOGNAME": "ada",
        "PATH": f"{home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
        **{f"GIT_{name}": value for name, value in person.items()},
        **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
    }


def test_whoever_follows_the_guide_has_a_service_that_no_bad_release_replaces(
    desk: Desk, tmp_path: Path
) -> None:
    as_root, unit, rule = preparation()
    desk.host.run("sh", "-ec", f"cd /root\n{as_root}")
    desk.does(f"set -e\n{unit}")
    desk.does(f"set -e\n{rule}")
    steps = list(story())
    for step, (code, output) in zip(steps, desk.run(*steps), strict=True):
        assert code == 0 or step.may_fail, (
            f"docs/guide.md:{step.line}: {step.command}\nended with {code}:\n{output}"
        )
        if step.command.startswith("echo $?"):
            assert output.strip() == (step.output or "").strip(), f"docs/guide.md:{step.line}"
    deployer = Deployer.at(desk.host, tmp_path / "other", "deploy")
    assert deployer.events()[-1] == ("rolled-back", 3)
    assert deployer.serves() == "version 2"

    code, output = desk.release(4, "crashes after 1 s")
    assert (code, deployer.events()[-1]) == (3, ("rolled-back", 4)), output
    code, output = desk.release(5, "answers 500")
    assert (code, deployer.events()[-1]) == (3, ("rolled-back", 5)), output
    desk.host.run("sh", "-c", f"sleep 1.1; echo '# edited' >> {UNIT_FILE}")
    code, output = desk.release(6)
    assert (code, deployer.events()[-1]) == (1, ("rolled-back", 5)), output
    assert "systemctl daemon-reload" in output
    assert deployer.serves() == "version 2"
    desk.host.run("systemctl", "daemon-reload")
    code, output = desk.release(6)
    assert (code, deployer.events()[-1][0]) == (0, "active"), output
    assert deployer.serves() == "version 6"
