"""Several targets: uploads side by side, activation in waves, and back together at the first failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.user import PROGRAM, User, make_site


def targets(*stores: Path) -> list[object]:
    return [word for store in stores for word in ("--to", store)]


def test_all_go_well(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    ran = user.does("push", site, *targets(*stores))
    assert [line.split()[1] for line in ran.out.splitlines()] == ["outcome", "active", "active", "active"]
    for store in stores:
        assert os.readlink(store / "apps/site/current") == "generations/1"
    assert len(user.does("status", *targets(*stores), "--json").document["hosts"]) == 3


def test_an_upload_that_fails_stops_everything_before_any_activation(
    user: User, site: Path, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    bad.mkdir()
    (bad / "something").write_text("else")
    ran = user.run("push", site, *targets(good, bad), "--json")
    assert ran.code == 3
    assert ran.document["rollout"]["ended"] == "stopped"
    first, second = ran.document["hosts"]
    assert (first["outcome"], second["outcome"]) == ("skipped", "error")
    assert "is not a store" in second["error"]["what"]
    assert not os.path.lexists(good / "apps/site/current")
    again = user.does("push", site, "--to", good)
    assert "generation 1 is active" in again.out


def test_after_an_activation_that_fails_every_host_is_on_the_former_release(
    user: User, site: Path, tmp_path: Path
) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    user.does("push", site, *targets(*stores))
    make_site(site, "two")
    fails_on_b = f'case "$RELSTORE_PATH" in {stores[1]}/*) grep -q one "$RELSTORE_PATH/index.html";; esac'
    ran = user.run("push", site, *targets(*stores), "--restart", fails_on_b, "--json")
    assert ran.code == 3
    assert [host["outcome"] for host in ran.document["hosts"]] == ["withdrawn", "rolled-back", "skipped"]
    assert ran.document["rollout"]["ended"] == "reverted"
    links = [os.readlink(store / "apps/site/current") for store in stores]
    assert links == ["generations/1", "generations/1", "generations/1"]
    (log,) = user.does("log", "--to", stores[0], "--json").document["hosts"]
    assert [event["event"] for event in log["events"]][-3:] == ["switching", "active", "withdrawn"]
    assert ran.document["rollout"]["id"] in log["events"][-1]["reason"]


def test_a_switch_that_fails_stops_the_rest(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / name for name in ("a", "b", "c")]
    user.does("push", site, *targets(*stores))
    make_site(site, "two")
    user.does("push", site, *targets(*stores))
    fails_on_b = f'case "$RELSTORE_PATH" in {stores[1]}/*) grep -q two "$RELSTORE_PATH/index.html";; esac'
    ran = user.run("rollback", *targets(*stores), "--restart", fails_on_b, "--json")
    assert ran.code == 4
    assert [host["outcome"] for host in ran.document["hosts"]] == ["active", "rolled-back", "skipped"]
    links = [os.readlink(store / "apps/site/current") for store in stores]
    assert links == ["generations/1", "generations/2", "generations/2"]


def test_a_document_names_the_hosts_that_did_not_answer(user: User, site: Path, tmp_path: Path) -> None:
    good, missing = tmp_path / "good", tmp_path / "missing"
    user.does("push", site, "--to", good)
    ran = user.run("list-generations", *targets(good, missing), "--json")
    assert ran.code == 4
    assert [host["target"] for host in ran.document["hosts"]] == [str(good)]
    (failure,) = ran.document["failed"]
    assert failure["target"] == str(missing)
    assert failure["error"]["kind"] == "NoStore"


def test_a_failed_switch_names_its_host(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    for content in ("one", "two"):
        make_site(site, content)
        user.does("push", site, "--to", store)
    ran = user.run("rollback", "--to", store, "--restart", "false")
    assert ran.code == 7
    assert "error: this machine: generation 1 failed" in ran.err


def live(*stores: Path) -> list[str]:
    """What each store's current release says."""
    return [(store / "apps/site/current/index.html").read_text() for store in stores]


def after_a_hotfix(user: User, site: Path, tmp_path: Path) -> list[Path]:
    """Two stores with one and two; the second one has a hotfix as well."""
    stores = [tmp_path / "a", tmp_path / "b"]
    for content in ("one", "two"):
        user.does("push", make_site(site, content), *targets(*stores))
    user.does("push", make_site(site, "hotfix"), *targets(stores[1]))
    return stores


def test_a_rollback_never_mixes_builds(user: User, site: Path, tmp_path: Path) -> None:
    stores = after_a_hotfix(user, site, tmp_path)
    ran = user.run("rollback", *targets(*stores))
    assert ran.code == 1
    assert "-1 means different builds at these hosts" in ran.err
    table = [line.split() for line in ran.err.splitlines() if str(tmp_path) in line]
    assert [(words[0], words[1]) for words in table] == [(str(stores[0]), "1"), (str(stores[1]), "2")]
    assert live(*stores) == ["two", "hotfix"]

    listed = user.does("list-generations", "--to", stores[0], "--json").document["hosts"][0]
    build = listed["generations"][1]["build"]
    went = user.does("switch-generation", build[:12], *targets(*stores), "--json").document["hosts"]
    assert [(host["outcome"], host["generation"], host["build"]) for host in went] == [
        ("unchanged", 2, build),
        ("active", 2, build),
    ]
    assert live(*stores) == ["two", "two"]


def test_one_build_under_different_numbers_is_switched_to(user: User, site: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    user.does("push", make_site(site, "zero"), "--to", old)
    for content in ("one", "two"):
        user.does("push", make_site(site, content), *targets(old, new))
    ran = user.does("rollback", *targets(old, new))
    assert live(old, new) == ["one", "one"]
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0] == ["host", "outcome", "generation", "build", "commit", "current", "sent"]
    assert [words[1:3] for words in lines[1:3]] == [["active", "2"], ["active", "1"]]
    assert lines[1][3] == lines[2][3]
    assert "generation 3 is marked as bad" in ran.out
    assert "generation 2 is marked as bad" in ran.out


def test_each_host_takes_its_own_when_that_is_wished(user: User, site: Path, tmp_path: Path) -> None:
    stores = after_a_hotfix(user, site, tmp_path)
    user.does("rollback", "--each-its-own", "--no-mark", *targets(*stores))
    assert live(*stores) == ["one", "two"]


def test_a_number_that_one_host_does_not_have_switches_nothing(
    user: User, site: Path, tmp_path: Path
) -> None:
    stores = after_a_hotfix(user, site, tmp_path)
    ran = user.run("switch-generation", "3", *targets(*stores), "--json")
    assert ran.code == 3
    assert [host["outcome"] for host in ran.document["hosts"]] == ["error", "skipped"]
    assert live(*stores) == ["two", "hotfix"]


def test_marks_pins_and_deletions_name_one_build_too(user: User, site: Path, tmp_path: Path) -> None:
    stores = after_a_hotfix(user, site, tmp_path)
    for words in (["mark", "bad", "-1"], ["pin", "here", "-1"], ["delete-generations", "-1"]):
        ran = user.run(*words, *targets(*stores))
        assert (ran.code, "-1 means different builds" in ran.err) == (1, True), words
    lacking = user.run("mark", "bad", "3", *targets(*stores))
    assert lacking.code == 4
    assert "left alone, since another host failed" in lacking.err
    assert "marked-bad" not in user.does("log", *targets(*stores)).out
    pinned = user.does("pin", "here", "1", *targets(*stores), "--json").document["hosts"]
    assert [host["generation"]["number"] for host in pinned] == [1, 1]
    user.does("mark", "bad", "-1", "--each-its-own", *targets(*stores))
    marked = [line for line in user.does("log", *targets(*stores)).out.splitlines() if "marked-bad" in line]
    assert [line.split()[2] for line in marked] == ["1", "2"]


UNREACHABLE = "nobody@127.0.0.1:9:/srv/x"
"""Nothing listens on that port."""


def test_the_others_go_on_without_a_host_that_cannot_be_reached(
    user: User, site: Path, tmp_path: Path
) -> None:
    stores = [tmp_path / "a", tmp_path / "b"]
    everywhere = ["--to", UNREACHABLE, *targets(*stores)]
    ran = user.run("push", site, *everywhere, "--json")
    assert ran.code == 3
    assert [host["outcome"] for host in ran.document["hosts"]] == ["unreachable", "skipped", "skipped"]
    ran = user.run("push", site, *everywhere, "--max-unreachable", "1", "--json")
    assert ran.code == 4
    first, *others = ran.document["hosts"]
    assert (first["outcome"], first["error"]["kind"]) == ("unreachable", "Connect")
    assert [host["outcome"] for host in others] == ["active", "active"]
    assert live(*stores) == ["one", "one"]

    (user.home / "relstore.toml").write_text('max-unreachable = "10%"\n')
    ran = user.run("push", make_site(site, "two"), *everywhere)
    assert ran.code == 4
    assert [line.split()[1] for line in ran.out.splitlines()[1:4]] == ["unreachable", "active", "active"]
    assert "refuses the connection" in ran.err
    assert "1 of 3 hosts failed" in ran.err
    assert "The hosts differ. Of the hosts, 1 unreachable, 2 active." in ran.err
    assert live(*stores) == ["two", "two"]
    for words in (["rollback"], ["restart", "--restart", "true"], ["mark", "good", "2"]):
        assert user.run(*words, *everywhere).code == 4
    assert live(*stores) == ["one", "one"]
    marked = [line for line in user.does("log", *targets(*stores)).out.splitlines() if "marked-good" in line]
    assert len(marked) == 2


def test_one_more_that_cannot_be_reached_stops_all(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "a"
    others = ["--to", UNREACHABLE, "--to", UNREACHABLE.replace("/srv/x", "/srv/y")]
    ran = user.run("push", site, *others, *targets(store), "--max-unreachable", "1", "--json")
    assert [host["outcome"] for host in ran.document["hosts"]] == ["unreachable", "unreachable", "skipped"]
    assert not os.path.lexists(store / "apps/site/current")


def test_with_few_open_files_the_hosts_take_turns(user: User, site: Path, tmp_path: Path) -> None:
    stores = [tmp_path / str(number) for number in range(7)]

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        limited = ["sh", "-c", 'ulimit -n 80; exec "$@"', "sh", *PROGRAM]
        return subprocess.run(
            [*limited, *map(str, words), *map(str, targets(*stores))],
            cwd=user.home,
            env=user.environment,
            check=False,
            capture_output=True,
            text=True,
        )

    ran = run("push", site, "--ignore-preflight", "selinux")
    assert ran.returncode == 0, ran.stderr
    ran = run("push", make_site(site, "two"), "--gc")
    assert ran.returncode == 0, ran.stderr
    assert live(*stores) == ["two"] * 7
    ran = run("rollback")
    assert ran.returncode == 0, ran.stderr
    assert live(*stores) == ["one"] * 7
    assert run("pin", "kept", "1").returncode == 0
    assert len([line for line in run("status").stdout.splitlines() if "current      1" in line]) == 7
