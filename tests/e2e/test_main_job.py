"""The main job over a real sshd: push, another version, list, go back, collect, verify."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.hosts.sshd import Sshd
from tests.support.user import User, make_site, target_of

pytestmark = pytest.mark.sshd


def tree_of(store: Path, app: str = "site") -> Path:
    return store / "apps" / app / "current"


def test_the_whole_life_of_a_site(server: Sshd, store_path: Path, user: User, site: Path) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))

    user.does("push", site, *to, "-m", "the first")
    current = tree_of(store_path)
    assert os.readlink(current) == "generations/1"
    assert (current / "index.html").read_text() == "one"

    make_site(site, "two")
    user.does("push", site, *to)
    assert os.readlink(current) == "generations/2"
    assert (current / "index.html").read_text() == "two"

    listed = user.does("list-generations", *to)
    lines = listed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["gen", "1", "2"]
    assert "good" in lines[1]
    assert "the first" in lines[1]
    assert "current" in lines[2]

    user.does("switch-generation", "-1", *to)
    assert os.readlink(current) == "generations/1"
    assert (current / "index.html").read_text() == "one"

    user.does("switch-generation", "+1", *to)
    collected = user.does("gc", "--keep", "1", "--json", *to).document["hosts"][0]
    kept = {one["name"]: one["reason"] for one in collected["verdicts"] if one["kind"] == "generation"}
    assert kept == {"1": "the one to roll back to", "2": "current"}
    assert len(list((store_path / "builds").iterdir())) == 2

    for version in ("three", "four"):
        make_site(site, version)
        user.does("push", site, *to)
    collected = user.does("gc", "--keep", "1", "--json", *to).document["hosts"][0]
    gone = {one["name"] for one in collected["verdicts"] if one["kind"] == "generation" and not one["keep"]}
    assert gone == {"1", "2"}
    assert len(list((store_path / "builds").iterdir())) == 2
    assert sorted(os.listdir(store_path / "apps/site/generations")) == ["3", "4"]
    assert sorted(os.listdir(store_path / "apps/site/records")) == ["1", "2", "3", "4"]

    verified = user.does("verify", "--json", *to).document["hosts"][0]
    assert verified["findings"] == []
    assert (current / "index.html").read_text() == "four"
    log = user.does("log", "--json", *to).document["hosts"][0]["events"]
    assert [event["event"] for event in log].count("active") == 6
    assert [event["event"] for event in log].count("deleted") == 2


def test_the_tree_on_disk_is_as_designed(server: Sshd, store_path: Path, user: User, site: Path) -> None:
    user.may_log_in_to(server)
    user.does("push", site, "--to", target_of(server, store_path))
    current = tree_of(store_path)
    (build,) = (store_path / "builds").iterdir()
    assert os.path.realpath(current) == str(build / "tree")

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.lstat().st_mode)

    assert mode(current / "index.html") == 0o444
    assert mode(current / "run") == 0o555
    assert mode(current / "same-bytes-plain") == 0o444
    assert mode(current / "deep") == 0o555
    assert os.readlink(current / "link") == "deep/er"
    assert (current / "empty-file").lstat().st_nlink == 1
    assert list((current / "empty-directory").iterdir()) == []
    assert (current / "index.html").stat().st_nlink == 2
    assert (current / "run").stat().st_ino != (current / "same-bytes-plain").stat().st_ino
    assert (store_path / "format").read_text() == "relstore-store 1\n"
    assert not list((store_path / "staging").iterdir())
    assert not list((store_path / "leases").iterdir())
    assert subprocess.run([str(current / "run")], capture_output=True, check=True).stdout == b"one"


def test_who_pushes_under_which_umask_makes_no_difference(
    server: Sshd, store_path: Path, user: User, site: Path, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path), "--app", "web")
    user.does("push", site, *to)
    copy = tmp_path / "copy"
    old = os.umask(0o077)
    try:
        make_site(copy, "one")
        (copy / "run").chmod(0o700)
        os.utime(copy / "index.html", (1, 1))
    finally:
        os.umask(old)
    again = user.does("push", copy, *to, "--json").document["hosts"][0]
    assert again["outcome"] == "unchanged"
    assert len(list((store_path / "apps/web/records").iterdir())) == 1


def test_a_single_program_is_a_build_with_one_entry(
    server: Sshd, store_path: Path, user: User, tmp_path: Path
) -> None:
    user.may_log_in_to(server)
    program = tmp_path / "Web_Server"
    program.write_text("#!/bin/sh\necho here\n")
    program.chmod(0o755)
    user.does("push", program, "--to", target_of(server, store_path))
    current = tree_of(store_path, "web_server")
    assert os.listdir(current) == ["Web_Server"]
    assert subprocess.run([str(current / "Web_Server")], capture_output=True, check=True).stdout == b"here\n"


def test_a_restart_that_fails_puts_the_link_back(
    server: Sshd, store_path: Path, user: User, site: Path
) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    restart = ("--restart", 'grep -q one "$RELSTORE_PATH/index.html" || { echo this one is broken; exit 7; }')
    user.does("push", site, *to, *restart)
    make_site(site, "two")
    failed = user.run("push", site, *to, *restart)
    assert failed.code == 3
    assert "this one is broken" in failed.err
    assert "exit code 7" in failed.err
    assert "Generation 1 is current" in failed.err
    assert os.readlink(tree_of(store_path)) == "generations/1"
    events = user.does("log", "--json", *to).document["hosts"][0]["events"]
    assert events[-1]["event"] == "rolled-back"
    assert "this one is broken" in events[-1]["reason"]
    (one, two) = user.does("list-generations", "--json", *to).document["hosts"][0]["generations"]
    assert (one["state"], two["state"]) == ("current", "failed")
    refused = user.run("switch-generation", "-1", *to)
    assert refused.code == 1
    assert "no good generation before" in refused.err


def test_the_first_activation_that_fails_leaves_no_link(
    server: Sshd, store_path: Path, user: User, site: Path
) -> None:
    user.may_log_in_to(server)
    failed = user.run("push", site, "--to", target_of(server, store_path), "--restart", "false")
    assert failed.code == 3
    assert "No generation is current" in failed.err
    assert not os.path.lexists(tree_of(store_path))


def test_stored_first_and_activated_later(server: Sshd, store_path: Path, user: User, site: Path) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    user.does("push", site, *to, "--no-switch")
    assert not os.path.lexists(tree_of(store_path))
    user.does("gc", "--keep", "1", *to)
    user.does("push", site, *to)
    assert os.readlink(tree_of(store_path)) == "generations/1"


def test_a_dry_run_changes_nothing(server: Sshd, store_path: Path, user: User, site: Path) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path))
    before = user.does("push", site, *to, "--dry-run", "--json").document["hosts"][0]
    assert before["missing_objects"] == 3
    assert not store_path.exists()
    user.does("push", site, *to)
    make_site(site, "two")
    snapshot = sorted(store_path.rglob("*"))
    after = user.does("push", site, *to, "--dry-run", "--json").document["hosts"][0]
    assert (after["missing_objects"], after["missing_bytes"]) == (1, 3)
    assert sorted(store_path.rglob("*")) == snapshot
