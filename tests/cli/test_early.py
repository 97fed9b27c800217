"""ssh is started before anything else where all that decides about it is as it was the last time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relstore.cli.early import EarlyStart
from relstore.client.connection.transport.openssh.spawn import LOG, SSHPlan, spawn
from relstore.client.local_state.failed_hosts import FailedHosts

PLAN = SSHPlan(
    ("/bin/sh", "-c", "exec sleep 600", "-E", LOG),
    "Host *\n",
    "/tmp",
    leads=True,
    opening=b"\xff\0\n\\n first",
)
WORDS = ["push", "web", "-m", "one", "--to", "web1:/srv/web"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory to work in."""
    monkeypatch.setenv("RELSTORE_STATE_DIR", str(tmp_path / "state"))
    work = tmp_path / "a" / "b"
    work.mkdir(parents=True)
    (tmp_path / "a" / "relstore.toml").write_text("")
    monkeypatch.chdir(work)
    return work


def begun(words: list[str]) -> list[SSHPlan]:
    """What a new run starts."""
    early = EarlyStart()
    early.begin(words)
    plans = [started.plan for started in early._begun]
    early.abandon()
    return plans


def remember(words: list[str], configuration: str = "") -> None:
    early = EarlyStart()
    early.begin(words)
    early.abandon()
    early.remember([PLAN, PLAN], configuration)


def test_the_same_is_started_again(place: Path) -> None:
    assert begun(WORDS) == []
    remember(WORDS)
    assert begun(WORDS) == [PLAN, PLAN]
    assert begun(WORDS) == [PLAN, PLAN]


def test_a_message_makes_no_difference(place: Path) -> None:
    remember(WORDS)
    assert begun([word.replace("one", "two") for word in WORDS]) == [PLAN, PLAN]


def test_nothing_is_started_where_something_else_is_asked(place: Path) -> None:
    remember(WORDS)
    assert begun([*WORDS, "--env", "production"]) == []
    assert begun([word.replace("web1", "web2") for word in WORDS]) == []


@pytest.mark.parametrize("name", ["HOME", "PATH", "RELSTORE_TO", "RELSTORE_SSH"])
def test_nothing_is_started_in_another_environment(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(WORDS)
    monkeypatch.setenv(name, "/elsewhere")
    assert begun(WORDS) == []


def test_nothing_is_started_when_the_configuration_has_changed(place: Path, tmp_path: Path) -> None:
    remember(WORDS)
    (tmp_path / "a" / "relstore.toml").write_text('to = "web2:/srv"')
    assert begun(WORDS) == []
    remember(WORDS)
    (place / "relstore.toml").write_text("")  # a nearer one
    assert begun(WORDS) == []


def test_nothing_is_started_when_the_named_configuration_has_changed(place: Path, tmp_path: Path) -> None:
    named = tmp_path / "other.toml"
    named.write_text("")
    remember([*WORDS, "--config", str(named)], str(named))
    assert begun([*WORDS, "--config", str(named)]) == [PLAN, PLAN]
    named.write_text('to = "web2:/srv"')
    assert begun([*WORDS, "--config", str(named)]) == []


def test_nothing_is_started_elsewhere(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(WORDS)
    (place / "below").mkdir()
    monkeypatch.chdir(place / "below")
    assert begun(WORDS) == []


def test_what_is_not_wanted_any_more_is_forgotten(place: Path) -> None:
    remember(WORDS)
    early = EarlyStart()
    early.begin(WORDS)
    early.abandon()
    early.remember([], "")
    assert begun(WORDS) == []


@pytest.mark.parametrize("damage", ["others may write to it", "cut off", "zeros", "a link"])
def test_what_others_could_have_written_or_is_damaged_is_not_believed(
    damage: str, place: Path, tmp_path: Path
) -> None:
    remember(WORDS)
    (file,) = (tmp_path / "state" / "early").iterdir()
    raw = file.read_bytes()
    if damage == "others may write to it":
        file.chmod(0o666)
    elif damage == "a link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    else:
        file.write_bytes(raw[: len(raw) // 2] if damage == "cut off" else bytes(len(raw)))
    assert begun(WORDS) == []


def test_nothing_that_was_typed_is_kept(place: Path, tmp_path: Path) -> None:
    """It may be a secret."""
    remember([*WORDS, "--http-header", "Authorization: secret"])
    (file,) = (tmp_path / "state" / "early").iterdir()
    assert b"secret" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_was_begun_is_ended_with_all_that_it_had(place: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    started = spawn(PLAN, dict(os.environ))
    assert Path(f"{started.directory}/config").read_text() == "Host *\n"
    started.abandon()
    assert not Path(started.directory).exists()
    assert not Path(f"/proc/{started.pid}").exists()
    assert set(os.listdir("/proc/self/fd")) == before


# --- the whole program ----------------------------------------------------------------------------

_EARLY = """
import sys
import relstore.cli.early as early
def spawn(*_):
    print(*sys.modules)
    raise SystemExit
early.spawn = spawn
sys.argv = ["relstore", *sys.argv[1:]]
from relstore.__main__ import start
start()
"""


def ssh_that_says_its_number(directory: Path) -> Path:
    directory.mkdir(exist_ok=True)
    ssh = directory / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ >> {directory}/pids\nexit 255\n")
    ssh.chmod(0o755)
    return directory / "pids"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{tmp_path}/first:{tmp_path}/second:{os.environ['PATH']}",
        "RELSTORE_STATE_DIR": str(tmp_path / "state"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }


STATUS = ("status", "--to", "nosuch.invalid:/srv", "--ssh", "openssh")


def run(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(words or ("-m", "relstore")), *STATUS],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_second_run_starts_ssh_before_it_imports_anything(
    environment: dict[str, str], tmp_path: Path
) -> None:
    pids = ssh_that_says_its_number(tmp_path / "second")
    assert run(environment).returncode == 6
    second = run(environment, "-c", _EARLY)
    assert "relstore.cli.early" in second.stdout
    assert not set(second.stdout.split()) & {"click", "typing", "dataclasses", "asyncio", "relstore.cli.main"}
    assert run(environment).returncode == 6
    assert len(pids.read_text().split()) == 2  # one for each run: the early one was used


def test_an_ssh_that_is_not_the_one_is_ended(environment: dict[str, str], tmp_path: Path) -> None:
    """Another one is found first on the PATH, of which no file of ours tells."""
    second = ssh_that_says_its_number(tmp_path / "second")
    (tmp_path / "second" / "ssh").write_text(f"#!/bin/sh\necho $$ >> {second}\nexec sleep 600\n")
    killed = subprocess.Popen(
        [sys.executable, "-m", "relstore", *STATUS],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not second.exists() or not list((tmp_path / "state").glob("early/*")):
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    os.kill(int(second.read_text()), 9)
    second.unlink()
    first = ssh_that_says_its_number(tmp_path / "first")
    assert run(environment).returncode == 6
    assert len(first.read_text().split()) == 1
    if second.exists():  # it may have been ended before it could write that
        assert not Path(f"/proc/{second.read_text().strip()}").exists()


@pytest.mark.parametrize(
    ("hosts", "words", "kept"),
    [
        ('[hosts]\na = "nosuch.invalid:/srv"\nb = "nosuch2.invalid:/srv"\n', ["--hosts", "a"], True),
        ('[hosts]\na = "nosuch.invalid:/srv"\nb = "nosuch2.invalid:/srv"\n', ["--hosts", "failed"], False),
        ('hosts-command = ["./hosts.sh"]\n', [], False),
    ],
)
def test_hosts_that_may_be_others_the_next_time_are_not_remembered(
    hosts: str, words: list[str], kept: bool, environment: dict[str, str], tmp_path: Path
) -> None:
    """A command says which hosts there are, or the last rollout does."""
    pids = ssh_that_says_its_number(tmp_path / "first")
    script = tmp_path / "hosts.sh"
    script.write_text('#!/bin/sh\necho \'{"a": "nosuch.invalid:/srv"}\'\n')
    script.chmod(0o755)
    config = tmp_path / "relstore.toml"
    config.write_text(f'ssh = "openssh"\n{hosts}')
    FailedHosts(tmp_path / "state" / "failed-hosts.json").keep(str(config), ["a"])
    run = subprocess.run(
        [sys.executable, "-m", "relstore", "status", *words],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert (run.returncode, len(pids.read_text().split())) == (6, 1), run.stderr
    assert bool(list((tmp_path / "state").glob("early/*"))) == kept
