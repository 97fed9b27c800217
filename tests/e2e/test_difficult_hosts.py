"""Hosts that are not as they should be: each gets a message of its own, and nothing is left behind.

The shells are real ones that sshd runs by ForceCommand; the disks are real mounts (as root).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.sshd import Sshd, public_directory
from tests.support.user import Ran, User, make_site, target_of

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@contextlib.contextmanager
def shell_of(directory: Path, script: str) -> Iterator[Sshd]:
    """A server whose every command goes through ``script``, as through a login shell."""
    wrapper = directory / "shell"
    wrapper.write_text(f"#!/bin/sh\n{script}\n")
    wrapper.chmod(0o755)
    server = Sshd.start(directory, server_options=[f"ForceCommand {wrapper}"])
    try:
        yield server
    finally:
        server.stop()


def push_through(script: str, user: User, site: Path, *words: str) -> Ran:
    with public_directory() as directory, shell_of(directory, script) as server:
        user.may_log_in_to(server)
        return user.run("push", site, "--to", target_of(server, directory / "store"), *words)


RUN = 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(f"echo 'Welcome to the machine'\n{RUN}", "prints 'Welcome to the machine", id="chatty"),
        pytest.param(f"printf 'no newline'\n{RUN}", "prints 'no newline'", id="chatty-without-newline"),
        pytest.param(f"echo 'Authorized use only' >&2\n{RUN}", "is active", id="banner-on-stderr"),
        pytest.param('set -x\n/bin/sh -c "$SSH_ORIGINAL_COMMAND"', "traces its commands", id="set-x"),
        pytest.param(
            f"export LC_ALL=C PYTHONSTARTUP=/nonexistent PYTHONHOME=\n{RUN}", "is active", id="environment"
        ),
        pytest.param(f"umask 077\n{RUN}", "is active", id="umask"),
    ],
)
@pytest.mark.usefixtures("need_sshd")
def test_a_shell_that_talks_is_told_of_and_the_push_goes_on(
    user: User, site: Path, script: str, says: str
) -> None:
    ran = push_through(script, user, site)
    assert ran.code == 0, ran.err
    assert says in ran.out + ran.err


@pytest.mark.sshd
@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("exec /usr/sbin/nologin", "refuses commands (nologin)", id="nologin"),
        pytest.param("exit 1", "ended at once without running anything", id="false"),
        pytest.param(f"PATH=/nonexistent\n{RUN}", "no python3 on the host", id="no-python"),
        pytest.param(
            "echo 'This service allows sftp connections only.'; exit 1", "only use SFTP", id="sftp-only"
        ),
        pytest.param("exec cat", "echoes what it is sent", id="echo-server"),
        pytest.param("exec yes", "printed endlessly", id="endless"),
        pytest.param(
            "echo 'fork: Cannot allocate memory' >&2; exit 254", "Cannot allocate memory", id="other"
        ),
    ],
)
@pytest.mark.usefixtures("need_sshd")
def test_a_shell_that_runs_nothing_is_explained(user: User, site: Path, script: str, says: str) -> None:
    ran = push_through(script, user, site)
    assert ran.code == 6
    assert says in ran.err
    assert "next:" in ran.err


@pytest.mark.sshd
@pytest.mark.usefixtures("need_sshd")
def test_a_python_that_is_too_old(user: User, site: Path) -> None:
    """A python3 that says of itself that it is old; the real check is in its own exit code."""
    with public_directory() as directory:
        old = directory / "python3"
        old.write_text("#!/bin/sh\nexit 90\n")
        old.chmod(0o755)
        with shell_of(directory, f"PATH={directory}:/nonexistent\n{RUN}") as server:
            user.may_log_in_to(server)
            to = ("--to", target_of(server, directory / "store"))
            ran = user.run("push", site, *to)
            assert ran.code == 6
            assert "older than 3.9" in ran.err
            assert user.does("push", site, *to, "--python", os.path.realpath(sys.executable)).code == 0


def push_to(user: User, site: Path, store: Path, *words: str) -> Ran:
    return user.run("push", site, "--to", store, *words)


def test_a_root_that_others_may_write_to(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    push_to(user, site, store)
    store.chmod(0o775)
    ran = push_to(user, make_site(site, "two"), store)
    assert ran.code == 1
    assert "may write to" in ran.err
    assert "chmod go-w" in ran.err
    assert (store / "apps/site/current/index.html").read_text() == "one"


@needs_root
def test_a_root_that_is_someone_elses(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    os.chown(store, 65534, 65534)
    ran = push_to(user, site, store)
    assert ran.code == 1
    assert "belongs to nobody, not to root" in ran.err
    assert list(store.iterdir()) == []


def test_a_directory_that_is_something_else(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "precious").write_text("data")
    ran = push_to(user, site, store)
    assert ran.code == 1
    assert "is not a store" in ran.err
    assert [path.name for path in store.iterdir()] == ["precious"]


def test_a_store_of_the_future(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    push_to(user, site, store)
    (store / "format").chmod(0o644)
    (store / "format").write_text("relstore-store 2\n")
    ran = push_to(user, make_site(site, "two"), store)
    assert ran.code == 1
    assert "needs a newer relstore" in ran.err


@contextlib.contextmanager
def mounted(directory: Path, options: str) -> Iterator[Path]:
    """A tmpfs of its own."""
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


@needs_root
def test_a_disk_that_is_too_small_is_seen_before_the_upload(user: User, site: Path, tmp_path: Path) -> None:
    (site / "large").write_bytes(os.urandom(9_000_000))
    with mounted(tmp_path / "disk", "size=12m,mode=755") as disk:
        ran = push_to(user, site, disk / "store")
        assert ran.code == 1
        assert "too little disk space" in ran.err
        assert "Nothing was changed." in ran.err
        assert "sent" not in ran.err
        assert not (disk / "store" / "apps" / "site").exists()


@needs_root
def test_too_few_inodes_are_seen_before_the_upload(user: User, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(300):
        (many / str(number)).write_text(str(number))
    with mounted(tmp_path / "disk", "size=50m,nr_inodes=600,mode=755") as disk:
        ran = push_to(user, many, disk / "store")
        assert ran.code == 1
        assert "too few inodes" in ran.err


@needs_root
def test_a_disk_that_fills_up_leaves_the_old_version_and_gc_frees(
    user: User, site: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", "size=40m,mode=755") as disk:
        store = disk / "store"
        for version in ("1", "2", "3"):
            (site / "large").write_bytes(os.urandom(5_000_000))
            user.does("push", make_site(site, version), "--to", store)
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        (site / "large").write_bytes(os.urandom(500_000))
        ran = push_to(user, make_site(site, "4"), store)
        assert ran.code == 1
        assert "space" in ran.err
        assert (store / "apps/site/current/index.html").read_text() == "3"
        freed = user.does("gc", "--keep", "1", "--to", store, "--json").document["hosts"][0]
        assert freed["removed_bytes"] > 5_000_000
        user.does("push", make_site(site, "4"), "--to", store)
        assert (store / "apps/site/current/index.html").read_text() == "4"


@needs_root
def test_a_read_only_file_system(user: User, site: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=20m,mode=755") as disk:
        store = disk / "store"
        user.does("push", site, "--to", store)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        ran = push_to(user, make_site(site, "two"), store)
        assert ran.code == 1
        assert "read-only" in ran.err.lower()
        assert "Remount" in ran.err
        assert "1" in user.does("list-generations", "--to", store).out


@needs_root
def test_a_file_system_that_executes_nothing(user: User, site: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=20m,noexec,mode=755") as disk:
        ran = push_to(user, site, disk / "store")
        assert ran.code == 1
        assert "mounted noexec" in ran.err
        assert "'run'" in ran.err
        assert not (disk / "store").exists()
        (site / "run").chmod(0o644)
        user.does("push", site, "--to", disk / "store")
