"""What another account made in a release stops nothing: all else goes, it is named, and the next time is the same."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relstore.formats import journal
from relstore.formats.retention import Policy
from relstore.gc.left import Left, warnings
from relstore.host.requests import collecting
from relstore.host.requests.checking import verify
from relstore.protocol import Collect, Step
from relstore.store.store import Store
from tests.support.host_side import SEALED, WEB, build_of, go_live, program, record, release
from tests.support.hosts.sshd import public_directory

COLLECT = """
import json, os
from concurrent.futures import ThreadPoolExecutor
from relstore.host.requests import checking, collecting
from relstore.formats.retention import Policy
from relstore.protocol import Collect
from relstore.store.store import Store
import encodings.ascii  # it may not read the interpreter's files afterwards
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
with Store.open(sys.argv[1]) as store:
    if sys.argv[3] in ("verify", "repair"):
        report = checking.verify(store, lambda step: None, fix=sys.argv[3] == "repair")
        print(json.dumps(report.findings))
    else:
        ask = Collect(None, Policy(1, None), None, "me", sys.argv[3] == "dry run")
        collected, _ = collecting.collect(store, ask)
        print(json.dumps([line for line in collected.warnings if "was left" in line]))
"""


@pytest.fixture
def account() -> int:
    """The uid of an ordinary account."""
    if os.geteuid() != 0:
        pytest.skip("acting as another account needs root")
    return pwd.getpwnam("nobody").pw_uid


@pytest.fixture
def top(account: int) -> Iterator[Path]:
    """A store of that account with two generations, of which the first may go; 2 is current, and 1 was bad."""
    with public_directory() as directory:
        with Store.open(str(directory / "store"), create=True) as store:
            go_live(store, {"version": b"1", "lib/a": b"whose: these tests'"})
            go_live(store, {"version": b"2", "lib/a": b"whose: these tests'"})
            record(store, 1, journal.MARKED_BAD)
        subprocess.run(["chown", "-R", f"{account}:{account}", str(directory / "store")], check=True)
        yield directory / "store"


def tree(top: Path, number: int) -> Path:
    return (top / "apps" / WEB / "generations" / str(number)).resolve()


def plant(tree: Path, place: str) -> Path:
    """A directory of root's, with a file in it, that nobody else may look into."""
    planted = tree / place / "__pycache__"
    planted.mkdir(mode=0o700)
    (planted / "a.pyc").write_bytes(b"of a service that runs as root")
    return planted


def act(top: Path, account: int, what: str) -> list[list[object]]:
    ended = subprocess.run(program(COLLECT, top, account, what), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    answer: list[list[object]] = json.loads(ended.stdout)
    return answer


@pytest.mark.parametrize("place", ["", "lib"])
def test_the_collector_takes_all_else_and_names_it_each_time(top: Path, account: int, place: str) -> None:
    planted = plant(tree(top, 1), place)
    build = planted.relative_to(top / "builds").parts[0]
    assert act(top, account, "dry run") == []
    for _ in range(2):
        (warning,) = act(top, account, "collect")
        assert f"As root: rm -rf -- {top}/trash/{build}." in str(warning)
        assert not (top / "builds" / build).exists()
        (kept,) = (top / "trash").iterdir()
        files = [path for path in kept.rglob("*") if path.is_file()]
        assert [path.name for path in files] == ["a.pyc"]
    shutil.rmtree(kept)
    assert act(top, account, "collect") == []


def test_a_build_that_cannot_be_moved_stays_and_the_rest_goes(top: Path, account: int) -> None:
    build = tree(top, 1).parent
    os.chown(build, 0, 0)
    for _ in range(2):
        (warning,) = act(top, account, "collect")
        assert str(warning) == f"{build} was left: Permission denied. As root: rm -rf -- {build}"
    assert not (top / "apps" / WEB / "generations" / "1").exists()
    shutil.rmtree(build)
    assert act(top, account, "collect") == []


def test_it_is_a_note_to_the_check_and_the_repair(top: Path, account: int) -> None:
    planted = plant(tree(top, 2), "lib")
    place = str(planted.relative_to(top))
    for what in ("verify", "repair"):
        assert act(top, account, what) == [[place, "is not part of the release", False, True]]
    assert planted.exists()


def test_a_directory_in_the_place_of_a_file_is_left_to_root_and_all_else_repaired(
    top: Path, account: int
) -> None:
    for number in (1, 2):
        (tree(top, number) / "version").unlink()
    (tree(top, 1) / "version").mkdir()
    findings = act(top, account, "repair")
    assert [str(finding[0]).rpartition("/")[2] for finding in findings if finding[2]] == ["version"]
    left = [finding for finding in findings if not finding[2]]
    assert "As root: chown -hR nobody" in str(left[-1][1])
    assert act(top, account, "verify") == left[:-1]


def test_what_another_account_holds_does_not_keep_the_rest_of_its_build_from_being_repaired(
    top: Path, account: int
) -> None:
    (tree(top, 1) / "version").unlink()
    (tree(top, 1) / "version").mkdir()
    (tree(top, 1) / "lib/a").unlink()
    findings = act(top, account, "repair")
    assert [(str(finding[0]).rpartition("/tree/")[2], finding[2]) for finding in findings[:2]] == [
        ("version", False),
        ("lib/a", True),
    ]
    assert (tree(top, 1) / "lib/a").read_bytes() == b"whose: these tests'"


def test_a_file_of_another_account_is_said_to_be_unreadable_and_is_replaced(top: Path, account: int) -> None:
    file = tree(top, 1) / "version"
    file.unlink()
    file.write_bytes(b"9")
    file.chmod(0o600)
    for what, repaired in (("verify", False), ("repair", True)):
        (finding,) = act(top, account, what)
        assert finding[1:3] == ["has the mode 0600; cannot be read: Permission denied", repaired]
    assert file.read_bytes() == b"1"
    assert file.stat().st_uid == account
    assert act(top, account, "verify") == []


def test_one_that_may_not_be_opened_is_damage_and_ends_no_check(top: Path, account: int) -> None:
    lib = tree(top, 2) / "lib"
    os.chown(lib, 0, 0)
    lib.chmod(0o700)
    findings = act(top, account, "verify")
    assert [finding[1] for finding in findings] == ["has the mode 0700; what is in it cannot be checked"]


def test_names_for_a_shell_are_quoted_and_many_are_counted() -> None:
    left = [Left(f"/srv/it's caf\udce9 {number}", "why") for number in range(12)]
    lines = warnings(left)
    assert lines[0] == ("/srv/it's caf\\xe9 0 was left: why. As root: rm -rf -- '/srv/it'\"'\"'s caf\\xe9 0'")
    assert lines[-1] == "2 more things were left for the same reasons."


def test_a_service_that_writes_beside_its_program_does_not_stop_the_way_back(store: Store) -> None:
    """The files of the release are proved all the same."""
    go_live(store, {"version": b"1"})
    build = build_of(store, 1)
    place = Path(store.root.path) / "builds" / build / "tree"
    (place / "__pycache__").mkdir()
    (place / "web.log").write_bytes(b"started\n")
    (place / "caf\udce9").write_bytes(b"a name that is not UTF-8\n")
    assert store.builds.check(build) == []
    report = verify(store, _silent, fix=True)
    assert [finding.path.rpartition("/")[2] for finding in report.findings] == [
        "__pycache__",
        "caf\udce9",
        "web.log",
    ]
    assert report.verified.damaged == ()
    (place / "version").chmod(0o644)
    (place / "version").write_bytes(b"9")
    assert len(store.builds.check(build)) == 1


PLACES = (
    "", "apps", "apps/web", "apps/web/records", "apps/web/generations", "apps/web/pins", "apps/web/jobs", "builds",
    "objects", "objects/ab", "staging", "leases", "trash", "helpers", "damaged", "quarantine",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["file", "directory", "link", "fifo"])
def test_strangers_in_every_directory_of_a_store_stop_nothing(store: Store, kind: str) -> None:
    go_live(store, {"version": b"1", "whose": b"these tests'"})
    go_live(store, {"version": b"2", "whose": b"these tests'"})
    record(store, 1, journal.MARKED_BAD)
    dead = build_of(store, 1)
    for place in PLACES:
        directory = Path(store.root.path) / place
        directory.mkdir(exist_ok=True)
        stranger = directory / "READ ME caf\udce9"
        if kind == "file":
            stranger.write_bytes(b"of a stranger")
        elif kind == "directory":
            (stranger / "deep").mkdir(parents=True)
        elif kind == "link":
            stranger.symlink_to("/nowhere")
        else:
            os.mkfifo(stranger)
    for dry_run in (True, False):
        collecting.collect(store, Collect(None, Policy(1, None), None, "me", dry_run))
    assert not store.builds.has(dead)
    report = verify(store, _silent, fix=True)
    assert report.verified.damaged == ()
    assert all(finding.foreign or finding.repaired for finding in report.findings)


def test_what_a_repair_that_died_left_in_a_build_is_collected(store: Store) -> None:
    go_live(store, {"version": b"1"})
    build = Path(store.root.path) / "builds" / build_of(store, 1)
    for name, age in ((".tmp-old", 2), (".tmp-young", 0)):
        (build / name).write_bytes(b"half a file")
        os.utime(build / name, (time.time() - age * 86400,) * 2)
    collecting.collect(store, Collect(None, None, None, "me", False))
    assert sorted(path.name for path in build.iterdir()) == [".tmp-young", "manifest", "tree"]


def test_a_directory_of_a_build_is_sealed_and_can_be_removed(store: Store) -> None:
    release(store, {"deep/er/file": b"1"})
    tree = Path(store.root.path) / "builds" / build_of(store, 1) / "tree"
    assert {path.stat().st_mode & 0o777 for path in (tree, tree / "deep", tree / "deep/er")} == {SEALED}
    store.builds.directory.remove_tree(build_of(store, 1))
    assert not tree.parent.exists()


def _silent(step: Step) -> None:
    pass
