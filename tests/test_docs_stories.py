"""The commands that the documents show are run, and print what the documents say.

A ```console block is a story: its commands run one after the other in one shell, against a real sshd, and
what they print must be what the document shows (times, digests and padding aside). A comment
``<!-- setup … -->`` is run too, and a block after ``<!-- file: NAME -->`` becomes that file.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.hosts.sshd import Sshd, public_directory

ROOT = Path(__file__).resolve().parents[1]
STORIES = ("README.md", "docs/guide.md")

BLOCK = re.compile(
    r"<!-- setup\n(?P<setup>.*?)-->"
    r"|(?:<!-- file: (?P<file>\S+) -->\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

HOSTS = "web1|web2|staging"
UNIT = 'unit = "web"\nbecome = "sudo"\nhttp = "http://127.0.0.1:8080/"\n'
CRASHES = "web.service is in a crash loop: restarted 3 times"
"""What a document shows; docs/services.md is played where there is such a service (``tests.systemd.test_docs``)."""
COMMAND = "! grep -q broken $RELSTORE_PATH/web"
INSTEAD = f'restart = "{COMMAND}"\nhealth-command = "true"\n'
FAILS = f"`{COMMAND}` ended with exit code 1"
"""What runs and what is said in its place on a test host, which has no systemd."""

VOLATILE = (
    (r"\d{8}T\d{6}Z-[0-9a-f]{8}", "JOB"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"),
    (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b|\b[0-9a-f]{12}\b|\b[0-9a-f]{9}\b", "DIGEST"),
    (r"\d+\.\d [GT]B, [\d,]+ inodes", "FREE"),
    (r"(active|rolled-back), (<1|\d+) s\b", r"\1, SECONDS"),
    (r" in \d+\.\d s, [\d.]+ \w+/s", ""),
    (r"(?m)^\S+: (verifying|switching|restarting|checking|confirming|returning|running \w+)\n", ""),
    (r"(?m)^note: processes of other accounts.*\n", ""),
    (r" {2,}", "  "),
    (r"(?m) +$", ""),
)
"""What may differ between the document and a run, and what both are read as."""


class Step(NamedTuple):
    """One command, the line of the document that it is on, and what it should print (None: anything)."""

    line: int
    command: str
    output: str | None
    may_fail: bool


def steps_of(document: Path) -> list[Step]:
    text = document.read_text()
    steps: list[Step] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["setup"]:
            steps.append(Step(line, match["setup"], None, False))
        elif match["file"]:
            steps.append(Step(line, f"cat > {match['file']} <<'END'\n{match['text']}END\n", None, False))
        elif match["language"] == "console":
            steps += _console(match["text"], line + 1)
    return steps


def _console(block: str, line: int) -> Iterator[Step]:
    parts = re.split(r"(?m)^\$ (.*)\n", block)
    for index in range(1, len(parts), 2):
        following = parts[index + 2] if index + 2 < len(parts) else ""
        yield Step(line, parts[index], parts[index + 1] or None, following == "echo $?")
        line += 1 + parts[index + 1].count("\n")


def run_steps(
    steps: list[Step], directory: Path, environment: Mapping[str, str], prefix: Sequence[str] = ()
) -> list[tuple[int, str]]:
    """Exit code and output of each step. ``$?`` is that of the step before. ``prefix`` runs the shell."""
    mark = "=====step-ended====="
    script = "code=0\n" + "".join(
        f"(exit $code); eval {shlex.quote(step.command)}\ncode=$?; printf '\\n%s %d\\n' {mark} $code\n"
        for step in steps
    )
    output = subprocess.run(
        [*prefix, "bash", "-c", script],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout
    parts = re.split(rf"\n{mark} (\d+)\n", output)
    return [(int(parts[index + 1]), parts[index]) for index in range(0, len(steps) * 2, 2)]


def _steady(text: str) -> str:
    for pattern, instead in VOLATILE:
        text = re.sub(pattern, instead, text)
    return text


def shows(expected: str, output: str) -> bool:
    """Whether ``output`` is what the document shows. There a line ``...`` stands for any lines, ``...`` in a line for any text."""
    any_text = re.escape("...")
    lines = [
        ".*" if line == "..." else re.escape(line).replace(any_text, "[^\n]*")
        for line in _steady(expected).splitlines()
    ]
    return re.fullmatch("\n".join(lines), _steady(output).rstrip("\n"), re.DOTALL) is not None


class Stage:
    """Where a story plays: a home directory, and hosts that are all the one sshd."""

    def __init__(self, home: Path, srv: Path, sshd: Sshd) -> None:
        self.directory = home / "project"
        self._srv = srv
        self._user = sshd.user
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700)
        self.directory.mkdir()
        hosts = f"Host {HOSTS.replace('|', ' ')}\n    HostName {sshd.host}\n    Port {sshd.port}\n"
        (ssh / "config").write_text(hosts + sshd.config.read_text())
        self.environment = {
            "HOME": str(home),
            "LOGNAME": "ada",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "ada",
            "GIT_AUTHOR_EMAIL": "ada@laptop",
            "GIT_COMMITTER_NAME": "ada",
            "GIT_COMMITTER_EMAIL": "ada@laptop",
        }

    def play(self, text: str) -> str:
        """What runs in place of what the document shows."""
        text = re.sub(rf"deploy@({HOSTS})", rf"{self._user}@\1", text)
        text = re.sub(rf"\b({HOSTS}):/srv/", rf"\1:{self._srv}/\1/", text)
        return text.replace(UNIT, INSTEAD)

    def show(self, text: str) -> str:
        """What the document shows in place of what ran."""
        text = text.replace(FAILS, CRASHES)
        text = re.sub(rf"{self._srv}/({HOSTS})/", "/srv/", text)
        text = re.sub(rf"\b{self._user}@({HOSTS})", r"deploy@\1", text)
        return text.replace(f"@{os.uname().nodename}", "@laptop")


Played = list[tuple[Step, int, str]]
"""Each step with its exit code and what it printed, in the document's terms."""


@pytest.fixture(scope="module")
def stories(sshd: Sshd, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """All stories, played side by side."""
    with public_directory() as srv, ThreadPoolExecutor() as pool:
        srv_of = {document: srv / str(index) for index, document in enumerate(STORIES)}
        for directory in srv_of.values():
            directory.mkdir()
            if sshd.user != getpass.getuser():
                shutil.chown(directory, sshd.user)
        stages = [Stage(tmp_path_factory.mktemp("home"), srv_of[document], sshd) for document in STORIES]
        return dict(zip(STORIES, pool.map(_play, STORIES, stages), strict=True))


def _play(document: str, stage: Stage) -> Played:
    steps = steps_of(ROOT / document)
    played = [step._replace(command=stage.play(step.command)) for step in steps]
    results = run_steps(played, stage.directory, stage.environment)
    return [(step, code, stage.show(output)) for step, (code, output) in zip(steps, results, strict=True)]


@pytest.mark.sshd
@pytest.mark.timeout(900)  # the first of them waits for all stories
@pytest.mark.parametrize("document", STORIES)
def test_what_a_document_shows_is_what_happens(document: str, stories: dict[str, Played]) -> None:
    wrong = [
        f"{document}:{step.line}: {step.command}\nended with {code}, printed:\n{output}"
        for step, code, output in stories[document]
        if (code and not step.may_fail) or not (step.output is None or shows(step.output, output))
    ]
    assert stories[document]
    assert not wrong, "\n\n".join(wrong)


def test_a_story_that_differs_is_seen() -> None:
    """The comparison itself can fail."""
    shown = "generation 2 is active\n...\nreleased 2026-01-01 00:00:00\n"
    assert shows(shown, "generation 2 is active\nx\ny\nreleased 2027-05-05 11:11:11\n")
    assert not shows(shown, "generation 3 is active\nx\nreleased 2027-05-05 11:11:11\n")
    assert not shows(shown, "generation 2 is active\nreleased yesterday\n")
    assert shows("generation 2 ... bad\n", "generation 2 of web is bad\n")
    assert not shows("generation 2 ... bad\n", "generation 2\nis bad\n")
