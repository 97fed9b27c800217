"""The values that a shell completes, and each shell that does."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from relstore.cli.bash_completion import LineComplete
from relstore.cli.completers import COMPLETE_VARIABLE
from relstore.cli.main import main

DIGEST = "a" * 64
WEB = "web at deploy@web1:/srv/web"
TIMEOUT_S = 15


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person with an ssh_config, a relstore.toml, and hosts that they have worked with."""
    (tmp_path / ".ssh" / "more").mkdir(parents=True)
    (tmp_path / ".ssh" / "config").write_text(
        "Include more/*\nHost web1 web2\n  User deploy\nHost *.example.com !x\nHost=db1\n# Host none\n"
    )
    (tmp_path / ".ssh" / "more" / "a").write_text("Host staging\nInclude ../config\n")
    (tmp_path / "relstore.toml").write_text(
        'to = "deploy@web1:/srv/web"\n[env.production]\n[env.preview]\n[env.dev]\nto = "/srv/x"\n'
    )
    state = tmp_path / "state"
    state.mkdir()
    (state / "heads.json").write_text(
        json.dumps(
            {
                "blog at this machine:/srv/blog": [3, DIGEST, 1],
                "evil;rm at web1:/x": [3, DIGEST, 1],
                WEB: [5, DIGEST, 1],
            }
        )
    )
    (state / "generations.json").write_text(
        json.dumps(
            {
                WEB: {
                    "generations": [[4, "current 1a2b"], [2, "good 3c4d"]],
                    "pins": ["before-search", "stable"],
                },
                "bad at web1:/x": {"generations": [["4; rm", ""]], "pins": ["$(x)"]},
                "odd at web1:/y": 5,
            }
        )
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RELSTORE_STATE_DIR", str(state))
    for name in ("RELSTORE_TO", "RELSTORE_APP", "RELSTORE_CONFIG", "RELSTORE_ENV"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        ([], "sta", ["status"]),
        (["help"], "sw", ["switch-generation"]),
        (["status", "--env"], "pr", ["production", "preview"]),
        (["check"], "pr", ["production", "preview"]),
        (["logs"], "d", ["dev"]),
        (["status", "--host"], "", ["web1"]),
        (["status", "--host", "web1", "--host"], "w", ["web1"]),
        (["check", "dev", "--host"], "", ["this machine"]),
        (["--host"], "w", ["web1"]),
        (["push", "--compression"], "z", ["zstd", "zlib"]),
        (["push", "--unit-action"], "r", ["restart", "reload"]),
        (["status", "--to"], "", ["deploy@web1:/srv/web", "/srv/blog", "staging", "web1", "web2", "db1"]),
        (["status", "--to"], "web", ["web1", "web2"]),
        (["status", "--app"], "", ["web"]),
        (["status", "--to", "elsewhere", "--app"], "", []),
        (["status", "--to", "/srv/blog", "--app"], "", ["blog"]),
        (["show"], "", ["5", "4", "2"]),
        (["switch"], "4", ["4"]),
        (["diff", "4"], "", ["5", "4", "2"]),
        (["show", "--env", "dev"], "", []),
        (["show", "--to", "/srv/blog"], "", ["3", "2", "1"]),
        (["unpin"], "be", ["before-search"]),
        (["pin", "stable"], "5", ["5"]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("home")
def test_values(words: list[str], incomplete: str, offered: list[str]) -> None:
    completion = ShellComplete(main, {}, "relstore", COMPLETE_VARIABLE)
    assert [item.value for item in completion.get_completions(words, incomplete)] == offered


def test_hosts_and_groups_are_those_of_the_file_and_no_command_is_run(home: Path) -> None:
    completion = ShellComplete(main, {}, "relstore", COMPLETE_VARIABLE)

    def offered(words: list[str], incomplete: str) -> list[str]:
        return [item.value for item in completion.get_completions(words, incomplete)]

    (home / "relstore.toml").write_text(
        '[hosts]\nweb1 = "web1"\nweb2 = { to = "web2", groups = ["eu", "canary"] }\n'
        '[env.cloud]\nhosts-command = "touch ran; echo {}"\n'
    )
    assert offered(["push", "--hosts"], "") == ["web1", "web2", "failed"]
    assert offered(["status", "--hosts", "web1", "--group"], "") == ["eu", "canary"]
    assert offered(["status", "--rollout-on-failure"], "st") == []
    assert offered(["push", "--rollout-on-failure"], "st") == ["stop"]
    assert offered(["show", "--env", "cloud", "--group"], "") == []
    offered(["show", "--env", "cloud"], "")
    assert not (home / "ran").exists()


def test_what_is_wrong_completes_nothing(home: Path) -> None:
    (home / "relstore.toml").write_text("to = [")
    completion = ShellComplete(main, {}, "relstore", COMPLETE_VARIABLE)
    assert completion.get_completions(["show"], "") == []
    assert completion.get_completions(["status", "--env"], "") == []


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("relstore status --to deploy@we", ["plain,web1:/srv/web"]),
        ("relstore status --to=deploy@web1:/s", ["plain,/srv/web"]),
        ("relstore status --to=dep", ["plain,deploy@web1:/srv/web"]),
        ("relstore unpin ", ["plain,before-search", "plain,stable"]),
    ],
)
@pytest.mark.usefixtures("home")
def test_bash_gets_what_it_replaces(line: str, replies: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert LineComplete(main, {}, "relstore", COMPLETE_VARIABLE).complete().splitlines() == replies


class Shell:
    """An interactive shell with the completion code, at a terminal."""

    def __init__(self, words: list[str], setup: str, home: Path) -> None:
        program = home / "bin" / "relstore"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m relstore "$@"\n')
        program.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "TERM": "dumb",
            "PS1": "$ ",
        }
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
        os.close(theirs)
        self._read = ""
        os.write(self._ours, f"{setup}; echo is-$((40 + 2))\n".encode())
        self.wait_for("is-42")

    def press(self, keys: str) -> None:
        self._read = ""
        os.write(self._ours, keys.encode())

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + TIMEOUT_S
        while text not in self._read:
            ready, _, _ = select.select([self._ours], [], [], max(end - time.monotonic(), 0))
            assert ready, f"{text!r} does not come, but {self._read!r}"
            self._read += os.read(self._ours, 4096).decode(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)


SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "bind 'set enable-bracketed-paste off'; source <(relstore completion bash)",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "unsetopt zle_bracketed_paste 2>/dev/null; autoload -U compinit; compinit -u -D; source <(relstore completion zsh)",
    ),
}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", SHELLS)
def test_an_interactive_shell_completes(name: str, home: Path) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"no {name} here")
    words, setup = SHELLS[name]
    shell = Shell(words, setup, home)
    try:
        for typed, added in (
            ("relstore unpin bef", "ore-search"),
            ("relstore status --env prod", "uction"),
            ("relstore status --to deploy@we", "web1:/srv/web"),
            ("relstore list-g", "enerations"),
        ):
            shell.press(f"{typed}\t")
            shell.wait_for(added)
            shell.press("\x15")
    finally:
        shell.close()


def test_fish_completes(home: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    program = home / "relstore"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m relstore "$@"\n')
    program.chmod(0o755)
    asked = "; ".join(
        f"complete -C 'relstore {line}'" for line in ("unpin bef", "show 4", "status --env prod")
    )
    ran = subprocess.run(
        ["fish", "--no-config", "-c", f"relstore completion fish | source; {asked}"],
        env={**os.environ, "PATH": f"{home}:{os.environ['PATH']}"},
        cwd=home, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.splitlines() == ["before-search\ta pin of web", "4\tcurrent 1a2b", "production"]
