"""A disk that rots: found, and put right from the store, from this machine's cache, or by the next push."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.host_state import as_owner, problems
from tests.support.hosts.sshd import Sshd
from tests.support.user import User, make_site, target_of

LARGE = os.urandom(200_000)
"""A file of the cache; smaller contents are kept many to a file."""


def make(directory: Path, version: str) -> Path:
    site = make_site(directory, version)
    (site / "large").write_bytes(LARGE)
    return site


def rot(store: Path, path: str) -> Path:
    """Other bytes in a file of the current build, and so in all trees and on the shelf."""
    victim = (store / "apps/site/current" / path).resolve()
    with as_owner(store):
        victim.chmod(0o600)
        with open(victim, "r+b") as file:
            file.write(b"rotten")
        victim.chmod(0o444)
    return victim


@pytest.mark.sshd
def test_from_the_cache(server: Sshd, store_path: Path, user: User, tmp_path: Path) -> None:
    user.may_log_in_to(server)
    to = ("--to", target_of(server, store_path), "--app", "site")
    for version in ("1", "2"):
        user.does("push", make(tmp_path / "site", version), *to)
    victim = rot(store_path, "large")
    found = user.run("verify", *to)
    assert found.code == 1
    assert found.out.count("has other bytes") == 2
    assert "relstore verify --repair" in found.err
    repaired = user.does("verify", "--repair", *to)
    assert repaired.out.count("has other bytes (repaired)") == 2
    assert victim.read_bytes() == LARGE
    assert problems(store_path) == []
    assert user.does("verify", *to, "--json").document["hosts"][0]["findings"] == []
    user.does("switch-generation", "-1", *to)


def test_by_the_next_push(user: User, tmp_path: Path) -> None:
    """Of the very build, which is current: the generation stays what it is."""
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make(tmp_path / "site", "1")
    user.does("push", site, *to)
    rot(store, "large")
    assert user.run("verify", *to).code == 1
    user.does("cache", "--clear")
    site.rename(tmp_path / "elsewhere")
    left = user.run("verify", "--repair", *to)
    assert left.code == 1
    assert "`relstore push` of the same build sends what is damaged" in left.err
    (tmp_path / "elsewhere").rename(site)
    preview = user.does("push", site, *to, "--dry-run", "--json").document["hosts"][0]
    assert (preview["unchanged"], preview["missing_objects"]) == (False, 1)
    pushed = user.does("push", site, *to)
    assert "1 entry was repaired" in pushed.err
    assert "nothing was changed" in pushed.out
    assert user.does("verify", *to).code == 0
    assert problems(store) == []
    assert len(user.does("list-generations", *to, "--json").document["hosts"][0]["generations"]) == 1
    assert "was damaged" not in user.does("push", site, *to).err


def test_a_former_build_that_an_activation_found_damaged(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    for version in ("1", "2"):
        user.does("push", make(tmp_path / "site", version), *to)
    former = store / "apps/site/generations/1/index.html"
    former.unlink()
    refused = user.run("switch-generation", "1", *to)
    assert refused.code == 1
    assert "damaged in the store" in refused.err
    pushed = user.does("push", make(tmp_path / "site", "1"), *to)
    assert "1 entry was repaired" in pushed.err
    assert (store / "apps/site/current/index.html").read_text() == "1"
    assert problems(store) == []


def test_a_build_whose_manifest_is_large(user: User, tmp_path: Path) -> None:
    """It is not sent ahead: the host is asked first whether it has the build."""
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make(tmp_path / "site", "1")
    for number in range(2500):
        (site / f"{number:04}-{'x' * 60}").write_text(f"{number}")
    user.does("push", site, *to)
    rot(store, "large")
    assert user.run("verify", *to).code == 1
    assert "1 entry was repaired" in user.does("push", site, *to).err
    assert problems(store) == []


def test_what_is_only_set_aside_is_not_said_to_be_repaired(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    user.does("push", site, "--to", store)
    (store / "objects/ab").mkdir(exist_ok=True)
    (store / "objects/ab/notes").write_text("mine")
    ran = user.does("verify", "--repair", "--to", store)
    assert "1 problem, 1 set aside" in ran.out
    assert "objects/ab/notes: is not the name of an object (set aside)" in ran.out
    assert "(repaired)" not in ran.out


def test_what_is_set_aside_and_what_is_repaired_differ_in_the_document(
    user: User, site: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    user.does("push", site, "--to", store)
    (store / "objects/ab").mkdir(exist_ok=True)
    (store / "objects/ab/notes").write_text("mine")
    rot(store, "index.html")
    ran = user.does("verify", "--repair", "--to", store, "--json")
    findings = ran.document["hosts"][0]["findings"]
    assert [(each["path"][-10:], each["repaired"], each["set_aside"]) for each in findings] == [
        ("index.html", True, False),
        ("s/ab/notes", False, True),
    ]


def test_a_small_file_comes_from_the_cache(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make(tmp_path / "site", "1")
    user.does("push", site, *to)
    site.rename(tmp_path / "elsewhere")
    rot(store, "index.html")
    assert "index.html: has 6 bytes instead of 1 (repaired)" in user.does("verify", "--repair", *to).out
    assert problems(store) == []


def test_what_the_cache_has_lost_comes_from_the_artifact(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make(tmp_path / "site", "1")
    user.does("push", site, *to)
    user.does("cache", "--clear")
    rot(store, "large")
    rot(store, "index.html")
    assert "2 problems, 2 repaired" in user.does("verify", "--repair", *to).out
    assert problems(store) == []


def test_a_file_that_nobody_has_does_not_stop_the_rest_of_its_build(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make(tmp_path / "site", "1")
    user.does("push", site, *to)
    user.does("cache", "--clear")
    rot(store, "index.html")
    rot(store, "large")
    (store / "apps/site/current/link").unlink()
    (site / "index.html").write_text("2")  # so that the artifact has the large file only
    ran = user.run("verify", "--repair", *to)
    assert ran.code == 1
    assert "3 problems, 2 repaired" in ran.out
    assert "large: has other bytes (repaired)" in ran.out
    assert "link: is missing (repaired)" in ran.out
    assert ran.out.rstrip().count("index.html: has 6 bytes instead of 1\n") == 1
    assert "1 problem in the store" in ran.err
    assert (store / "apps/site/current/large").read_bytes() == LARGE
    (site / "index.html").write_text("1")
    user.does("verify", "--repair", *to)
    assert problems(store) == []


def test_a_manifest_comes_from_the_cache(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    user.does("push", make(tmp_path / "site", "1"), *to)
    (manifest,) = store.glob("builds/*/manifest")
    raw = manifest.read_bytes()
    manifest.unlink()
    manifest.write_bytes(b"rotten")
    rot(store, "index.html")
    ran = user.does("verify", "--repair", *to)
    assert "is not what its name says (repaired)" in ran.out
    assert manifest.read_bytes() == raw
    assert problems(store) == []
