"""Archives as artifacts, from files and from pipes, as a person pushes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from relstore.cli.main import main
from tests.client.artifact.archive.build import END, entry, header, symlink
from tests.client.artifact.archive.test_hostile import CUT, TARS, ZIPS
from tests.support.json_output import RelstoreRunner
from tests.support.user import PROGRAM, TIMEOUT_S, User, make_site


@pytest.fixture
def temporary(user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person's temporary files go."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    return path


def build_of(user: User, store: Path) -> str:
    build: str = user.does("show", "--to", store, "--json").document["hosts"][0]["generation"]["build"]
    return build


def piped(user: User, data: bytes, *words: object) -> tuple[int, str]:
    ran = subprocess.run(
        [*PROGRAM, *map(str, words)],
        input=data,
        env=user.environment,
        cwd=user.home,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return ran.returncode, ran.stderr.decode()


def test_the_same_build_by_every_way(user: User, site: Path, tmp_path: Path, temporary: Path) -> None:
    store = tmp_path / "store"
    user.does("push", site, "--to", store, "--app", "web")
    tar = subprocess.run(["tar", "-c", "-C", site, "."], capture_output=True, check=True).stdout
    archive = tmp_path / "web.tar"
    archive.write_bytes(tar)
    for words in (["push", archive, "--unpack"], ["push", archive, "--unpack", "--dry-run"]):
        ran = user.does(*words, "--to", store, "--json")
        assert ran.document["hosts"][0].get("outcome", "unchanged") == "unchanged"
    code, said = piped(user, tar, "push", "-", "--to", store, "--app", "web", "-v")
    assert code == 0, said
    assert "standard input: " in said
    assert list(temporary.iterdir()) == []
    # Without --unpack it is a file like any other, and that is said.
    ran = user.does("push", archive, "--to", store, "--app", "web")
    assert "web.tar is pushed as one file; --unpack pushes what is in it" in ran.err
    assert (store / "apps/web/current/web.tar").read_bytes() == tar
    assert "pushed as one file" not in user.does("push", archive, "--no-unpack", "--to", store).err


def test_what_is_refused_leaves_nothing(user: User, tmp_path: Path, temporary: Path) -> None:
    store, archive = tmp_path / "store", tmp_path / "web.tar"
    bad = {
        "leads through 'a', which is a symlink": symlink("a", str(tmp_path)) + entry("a/escaped", b"x"),
        "web.tar holds .env, which every account": entry(".env", b"PASSWORD=x"),
        "'a' -> '/etc/passwd' leads out of the build": symlink("a", "/etc/passwd"),
        "matches no file of the artifact": entry("a", b"x"),
        "is cut short": header("a", 5000),
    }
    for words, body in bad.items():
        archive.write_bytes(body + END)
        copy = ["--copy", "none*"] if "matches" in words else []
        ran = user.run("push", archive, "--unpack", "--to", store, *copy)
        assert ran.code in (1, 2)
        assert words in ran.err
        assert str(temporary) not in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "temporary", "web.tar"]
    assert list(temporary.iterdir()) == []


HOSTILE = {
    **{f"{name}.tar": body + END for name, (body, _) in TARS.items()},
    **{f"{name}.tar": body for name, (body, _) in CUT.items()},
    **{f"{name}.zip": body for name, (body, _) in ZIPS.items()},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_nothing_of_a_hostile_archive_is_written_anywhere(
    case: str, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    archive = tmp_path / f"archive{Path(case).suffix}"
    archive.write_bytes(HOSTILE[case])
    words = ["push", str(archive), "--unpack", "--app", "web", "--to", str(tmp_path / "store")]
    ran = RelstoreRunner().invoke(main, words)
    assert (ran.exit_code, "Traceback" in ran.output) == (1, False), ran.output
    assert list(temporary.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "temporary", archive.name}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["-"], 2, "does not name the app"),
        (["-", "--app", "web"], 1, "standard input is empty"),
        (["-", "--app", "web", "--no-unpack"], 2, "is always unpacked"),
        (["SITE", "--unpack"], 1, "is no file, so there is nothing to unpack"),
        (["web-1.2.tar", "--unpack"], 2, "seems to name a version"),
        (["none.tar", "--unpack"], 1, "none.tar does not exist"),
    ],
)
def test_wrong_input(
    user: User, site: Path, tmp_path: Path, temporary: Path, words: list[str], code: int, says: str
) -> None:
    words = [str(site) if word == "SITE" else word for word in words]
    ran = user.run("push", *words, "--to", tmp_path / "store")
    assert (ran.code, says in ran.err) == (code, True), ran.err
    assert not (tmp_path / "store").exists()
    assert list(temporary.iterdir()) == []


def test_the_build_command_makes_the_archive_but_not_the_stream(user: User, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    make_site(tmp_path / "site", "one")
    project.mkdir()
    (project / "relstore.toml").write_text(
        f"to = '{tmp_path}/store'\nartifact = 'out/dist.tar.gz'\nunpack = true\n"
        f"build = 'mkdir -p out && tar -czf out/dist.tar.gz -C {tmp_path}/site .'\n"
    )
    user.does("push", cwd=project)
    assert (tmp_path / "store/apps/shop/current/index.html").read_text() == "one"
    ran = piped(user, entry("index.html", b"two") + END, "push", "-", "--config", project / "relstore.toml")
    assert ran[0] == 2  # the name of the artifact does not name what comes by a pipe
    ran = piped(
        user,
        entry("index.html", b"two") + END,
        "push",
        "-",
        "--config",
        project / "relstore.toml",
        "--app",
        "shop",
    )
    assert ran[0] == 0, ran[1]
    assert "`build` is not run" in ran[1]
    assert (tmp_path / "store/apps/shop/current/index.html").read_text() == "two"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("when", ["unpacking", "pushing"])
def test_a_signal_leaves_no_temporary_directory(
    user: User, tmp_path: Path, temporary: Path, number: signal.Signals, when: str
) -> None:
    restart = ["--restart", "sleep 30"] if when == "pushing" else []
    process = subprocess.Popen(
        [*PROGRAM, "push", "-", "--app", "web", "--to", str(tmp_path / "store"), *restart],
        env=user.environment,
        cwd=user.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # what runs the tests may ignore it
    )
    assert process.stdin is not None
    body = entry("first", b"x") + (END if when == "pushing" else b"")
    process.stdin.write(body)
    process.stdin.flush()
    if when == "pushing":
        process.stdin.close()
    deadline = time.monotonic() + 60
    ready = (
        (lambda: list(temporary.rglob("first"))) if when == "unpacking" else (tmp_path / "store/apps").exists
    )
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.05)
    if when == "pushing":
        time.sleep(0.5)
    process.send_signal(number)
    process.stdin = None if when == "pushing" else process.stdin
    _, said = process.communicate(timeout=60)
    assert b"Traceback" not in said
    assert list(temporary.iterdir()) == []
    assert process.returncode in (-number, 130)


def test_the_directory_is_private(user: User, tmp_path: Path, temporary: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "push", "-", "--app", "web", "--to", str(tmp_path / "store")],
        env=user.environment,
        cwd=user.home,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.umask(0),
    )
    assert process.stdin is not None
    process.stdin.write(entry("first", b"x"))
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(temporary.rglob("first")) and time.monotonic() < deadline:
        time.sleep(0.05)
    (directory,) = temporary.iterdir()
    assert directory.stat().st_mode & 0o777 == 0o700
    process.stdin.write(END)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert list(temporary.iterdir()) == []


def test_a_terminal_is_no_tar(user: User, tmp_path: Path) -> None:
    master, slave = os.openpty()
    ran = subprocess.run(
        [sys.executable, "-m", "relstore", "push", "-", "--app", "web", "--to", str(tmp_path / "store")],
        env=user.environment,
        cwd=user.home,
        stdin=slave,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(master)
    os.close(slave)
    assert ran.returncode == 2
    assert "standard input is a terminal" in ran.stderr
