"""The commands as a person meets them: good input, wrong input, exit codes, JSON, pipes."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.host_state import wait_for_jobs
from tests.support.user import TIMEOUT_S, User, make_site


@pytest.fixture
def store(user: User, site: Path, tmp_path: Path) -> Path:
    """A store with three generations, the second current, the third failed."""
    path = tmp_path / "store"
    user.does("push", site, "--to", path, "-m", "first")
    user.does("push", make_site(site, "two"), "--to", path)
    failed = user.run(
        "push", make_site(site, "three"), "--to", path, "--restart", 'exit "$FAIL" 2>/dev/null; exit 1'
    )
    assert failed.code == 7
    return path


def states(user: User, store: Path, *words: str) -> dict[int, str]:
    listed = user.does("list-generations", "--to", store, "--json", *words).document["hosts"][0]
    return {row["number"]: row["state"] for row in listed["generations"]}


def test_failures_do_not_count(user: User, store: Path) -> None:
    assert states(user, store) == {1: "good", 2: "current", 3: "failed"}
    assert "no good generation after" in user.run("switch-generation", "+1", "--to", store).err
    user.does("rollback", "--no-mark", "--to", store)
    assert states(user, store) == {1: "current", 2: "good", 3: "failed"}
    user.does("gc", "--keep", "2", "--to", store)
    assert states(user, store) == {1: "current", 2: "good"}
    assert states(user, store, "--all") == {1: "current", 2: "good", 3: "deleted"}


@pytest.mark.parametrize("spec", ["1", "-1", "first-build"])
def test_ways_to_name_a_generation(user: User, store: Path, spec: str) -> None:
    if spec == "first-build":
        shown = user.does("show", "1", "--to", store, "--json").document["hosts"][0]
        spec = shown["generation"]["build"][:10]
    user.does("switch-generation", spec, "--to", store)
    assert os.readlink(store / "apps/site/current") == "generations/1"


def test_the_commit_is_recorded_and_names_a_generation(user: User, tmp_path: Path) -> None:
    site = make_site(tmp_path / "work", "one")
    for words in (
        ["init", "-q"], ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"],
    ):  # fmt: skip
        subprocess.run(["git", *words], cwd=site, check=True, env=user.environment)
    git = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(git, cwd=site, capture_output=True, text=True, check=True).stdout.strip()
    clean = tmp_path / "store"
    (tmp_path / "out").mkdir()
    artifact = site / "index.html"
    user.does("push", artifact, "--app", "web", "--to", clean)
    make_site(site, "two")
    user.does("push", artifact, "--app", "web", "--to", clean)
    one, two = user.does("list-generations", "--to", clean, "--json").document["hosts"][0]["generations"]
    assert (one["commit"], one["dirty"]) == (commit, False)
    assert (two["commit"], two["dirty"]) == (commit, True)
    ran = user.run("switch-generation", f"commit:{commit[:8]}", "--to", clean)
    assert ran.code == 2
    assert "different builds" in ran.err


WRONG: list[tuple[list[str], int, str]] = [
    (["push"], 2, "nothing to push"),
    (["push", "/nonexistent"], 1, "does not exist"),
    (["push", "/dev/null"], 1, "neither a file nor a directory"),
    (["push", "SITE", "--app", "Bad Name"], 2, "cannot be the name of an app"),
    (["push", "SITE", "--restart-timeout", "soon"], 2, "soon"),
    (["push", "SITE", "--env", "production"], 2, "relstore.toml"),
    (["push", "SITE", "--build", "exit 9"], 1, "exit code 9"),
    (["push", "SITE", "-m", "x" * 5000], 2, "characters"),
    (["switch-generation", "99"], 1, "no generation 99"),
    (["switch-generation", "-9"], 1, "good generation"),
    (["switch-generation", "commit:beef"], 1, "no generation matches"),
    (["switch-generation", "../../etc"], 2, "does not name a generation"),
    (["switch-generation"], 2, "missing argument"),
    (["switch-generation", "--nonsense"], 2, "there is no option"),
    (["show", "0"], 2, "does not name a generation"),
    (["pin", "Bad/Name", "1"], 2, "cannot be the name of a pin"),
    (["unpin", "nothing"], 1, "no pin"),
    (["delete-generations", "2"], 1, "it is current"),
    (["delete-generations", "1", "2"], 1, "cannot be deleted"),
    (["attach", "../../../etc/passwd"], 2, "not the id of a job"),
    (["attach", "20200101T000000Z-00000000"], 1, "no job"),
    (["gc", "--keep", "0"], 2, "0"),
    (["gc", "--keep-within", "never"], 2, "never"),
    (["status", "--app", "other"], 1, "there is no app 'other'"),
    (["nonsense"], 2, "there is no command"),
    (["status", "--config", "/nonexistent.toml"], 2, "nonexistent"),
    (["status", "--to", "bad host:/x"], 2, "target"),
]


@pytest.mark.parametrize(("words", "code", "says"), WRONG, ids=[" ".join(row[0])[:40] for row in WRONG])
def test_wrong_input_costs_nothing(
    user: User, store: Path, site: Path, words: list[str], code: int, says: str
) -> None:
    before = {path: path.lstat().st_mtime_ns for path in store.rglob("*") if "__pycache__" not in path.parts}
    ran = user.run(
        *[str(site) if word == "SITE" else word for word in words],
        *([] if "--to" in words else ["--to", store]),
    )
    assert ran.code == code, ran.err
    assert says in ran.err
    after = {path: path.lstat().st_mtime_ns for path in store.rglob("*") if "__pycache__" not in path.parts}
    assert before == after


def test_no_store_yet(user: User, tmp_path: Path) -> None:
    for command in ("list-generations", "status", "log", "gc", "verify", "attach"):
        ran = user.run(command, "--to", tmp_path / "none")
        assert ran.code == 1, command
        assert "there is no store" in ran.err
    assert not (tmp_path / "none").exists()


def test_an_error_in_json_is_one_document(user: User, tmp_path: Path) -> None:
    ran = user.run("status", "--to", tmp_path / "none", "--json")
    assert ran.code == 1
    assert ran.document["error"]["kind"] == "NoStore"
    assert ran.err == ""


def test_what_is_pinned_stays(user: User, store: Path, site: Path) -> None:
    user.does("pin", "keepsake", "1", "--to", store)
    for version in ("4", "5", "6"):
        user.does("push", make_site(site, version), "--to", store)
    user.does("gc", "--keep", "1", "--to", store)
    assert set(states(user, store)) == {1, 5, 6}
    assert "pinned as keepsake" in user.run("delete-generations", "1", "--to", store).err
    user.does("unpin", "keepsake", "--to", store)
    user.does("gc", "--keep", "1", "--to", store)
    assert set(states(user, store)) == {5, 6}


def test_what_is_to_be_kept_travels_with_the_push(user: User, tmp_path: Path, site: Path) -> None:
    store, project = tmp_path / "store", tmp_path / "project"
    project.mkdir()
    (project / "relstore.toml").write_text(f'app = "site"\nto = "{store}"\nartifact = "{site}"\nkeep = 2\n')
    for version in ("1", "2", "3", "4"):
        make_site(site, version)
        user.does("push", cwd=project)
    roots = user.does("gc", "--print-roots", "--to", store).out.splitlines()
    assert roots[:2] == [
        "generation\tsite/3\tthe one to roll back to",
        "generation\tsite/4\tcurrent",
    ]
    dead = user.does("gc", "--print-dead", "--to", store).out.splitlines()
    assert dead[:2] == ["generation\tsite/1", "generation\tsite/2"]
    assert [line.split("\t")[0] for line in dead[2:]] == ["build", "build"]
    assert set(states(user, store)) == {1, 2, 3, 4}
    user.does("gc", "--to", store)  # by somebody without that file
    assert set(states(user, store)) == {3, 4}
    assert "exclude" in user.run("gc", "--print-roots", "--print-dead", "--to", store).err


def test_a_push_that_collects(user: User, tmp_path: Path, site: Path) -> None:
    store, project = tmp_path / "store", tmp_path / "project"
    project.mkdir()
    text = f'app = "site"\nto = "{store}"\nartifact = "{site}"\nkeep = 1\ngc = true\n'
    (project / "relstore.toml").write_text(text)
    for version in ("1", "2", "3", "4"):
        make_site(site, version)
        pushed = user.does("push", "--json", cwd=project).document["hosts"][0]
    assert pushed["freed_bytes"] > 0
    assert set(states(user, store)) == {3, 4}
    (store / "apps" / "site" / "retention").write_bytes(b"rotten")
    make_site(site, "5")
    (project / "relstore.toml").write_text(text.replace("keep = 1\n", ""))
    pushed_too = user.does("push", cwd=project)
    assert "nothing was collected" in pushed_too.err
    assert set(states(user, store)) == {3, 4, 5}


def test_what_a_process_executes_stays(user: User, tmp_path: Path, site: Path) -> None:
    store = tmp_path / "store"
    for version in ("1", "2", "3"):
        make_site(site, version)
        (site / "server").write_bytes(Path("/bin/sleep").read_bytes())
        (site / "server").chmod(0o755)
        user.does("push", site, "--to", store)
        if version == "1":
            running = subprocess.Popen([str(store / "apps/site/current/server"), "60"])
    try:
        plan = user.does("gc", "--keep", "1", "--to", store, "--json").document["hosts"][0]["verdicts"]
        reasons = {row["name"]: row["reason"] for row in plan if row["kind"] == "generation"}
        assert reasons["1"] == "a process runs it"
        assert (store / "apps/site/generations/1/server").exists()
    finally:
        running.kill()
        running.wait()
    user.does("gc", "--keep", "1", "--to", store)
    assert not (store / "apps/site/generations/1").exists()


def test_what_is_not_current_can_be_deleted_and_is_then_collected(user: User, store: Path) -> None:
    assert "would be deleted" in user.does("delete-generations", "3", "--dry-run", "--to", store).out
    assert set(states(user, store)) == {1, 2, 3}
    user.does("delete-generations", "3", "--to", store)
    assert set(states(user, store)) == {1, 2}
    freed = user.does("gc", "--to", store, "--json").document["hosts"][0]
    assert freed["removed_objects"] == 1
    assert "was deleted" in user.run("switch-generation", "3", "--to", store).err


def test_diff_and_show(user: User, store: Path, site: Path) -> None:
    (site / "new").write_text("new")
    (site / "empty-file").unlink()
    user.does("push", site, "--to", store)
    changes = user.does("diff", "-1", "4", "--to", store, "--json").document["hosts"][0]["changes"]
    assert {change["path"]: change["change"] for change in changes} == {
        "new": "added", "empty-file": "removed", "index.html": "changed",
    }  # fmt: skip
    shown = user.does("show", "4", "--to", store, "--json").document["hosts"][0]
    assert "new" in {entry["path"] for entry in shown["entries"]}
    assert shown["generation"]["state"] == "current"


def test_a_damaged_file_is_found_and_sent_anew(user: User, store: Path, site: Path) -> None:
    tree = store / "apps/site/generations/1"
    victim = next(
        path for path in (store / "objects").rglob("*") if path.is_file() and path.stat().st_size == 5000
    )
    victim.chmod(0o644)
    victim.write_bytes(b"y" * 5000)
    victim.chmod(0o444)
    ran = user.run("verify", "--to", store)
    assert ran.code == 1
    assert "has other bytes" in ran.out
    refused = user.run("switch-generation", "1", "--to", store)
    assert refused.code == 1
    assert "damaged" in refused.err
    assert os.readlink(store / "apps/site/current") == "generations/2"
    pushed = user.does("push", make_site(site, "four"), "--to", store)
    assert "sending an object again: its bytes in the store were damaged" in pushed.err
    assert (store / "apps/site/current/deep/er/näme with blank").read_text() == "x" * 5000
    assert (tree / "deep/er/näme with blank").read_text() != "x" * 5000


def test_only_one_activation_at_a_time(user: User, store: Path, site: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = user.start("push", make_site(site, "a"), "--to", store, "-v", "--restart", f"read x < {gate}")
    with first:
        assert first.stderr is not None
        for line in first.stderr:
            if "restarting" in line:
                break
        second = user.run("switch-generation", "1", "--to", store)
        assert second.code == 5
        assert "under way: job " in second.err
        assert "relstore attach" in second.err
        shown = user.does("status", "--to", store, "--json").document["hosts"][0]
        assert shown["job"] in second.err
        gate.write_text("x\n")
        first.communicate(timeout=TIMEOUT_S)
    assert first.returncode == 0


def test_interrupting_the_client_leaves_the_host_to_it(
    user: User, store: Path, site: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with user.start(
        "push", make_site(site, "a"), "--to", store, "-v", "--restart", f"read x < {gate}"
    ) as client:
        assert client.stderr is not None
        for line in client.stderr:
            if "restarting" in line:
                break
        client.send_signal(signal.SIGINT)
        _out, err = client.communicate(timeout=TIMEOUT_S)
    assert client.returncode == 130
    assert "detached from job" in err
    assert "continues on the host" in err
    gate.write_text("x\n")
    wait_for_jobs(store, "site")
    assert "generation 4 is active" in user.does("attach", "--to", store).out


def test_hostile_names_do_not_reach_the_terminal(user: User, tmp_path: Path, site: Path) -> None:
    store = tmp_path / "store"
    (site / "a\u202eb").write_text("x")
    user.does("push", site, "--to", store, "-m", "note\x1b[31m".replace("\x1b", "\u009b"))
    for command in (["show", "1"], ["list-generations"], ["status"]):
        out = user.does(*command, "--to", store).out
        assert "\u202e" not in out
        assert "\u009b" not in out


def test_a_pipe_that_closes(user: User, store: Path) -> None:
    with user.start("list-generations", "--to", store) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_configuration_and_environments(user: User, site: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    (work / "sub").mkdir(parents=True)
    assert "\n  relstore check " in user.does("init", work).out
    assert user.run("init", work).code == 2
    assert "--front 80" in user.does("init", work / "sub", "--slots").out
    (work / "sub/relstore.toml").unlink()
    (work / "relstore.toml").write_text(
        f'app = "web"\nto = "{tmp_path}/one"\nartifact = "{site}"\n'
        f'[env.staging]\nto = ["{tmp_path}/two", "{tmp_path}/three"]\n'
    )
    user.does("push", cwd=work / "sub")
    assert (tmp_path / "one/apps/web/current/index.html").read_text() == "one"
    user.does("push", "--env", "staging", cwd=work)
    assert (tmp_path / "three/apps/web/current/index.html").read_text() == "one"
    (work / "relstore.toml").write_text('app = "web"\nkeeep = 3\n')
    ran = user.run("push", cwd=work)
    assert ran.code == 2
    assert "relstore.toml:2" in ran.err
    assert "keep" in ran.err


def test_the_build_command_runs_first(user: User, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "relstore.toml").write_text(
        f'to = "{tmp_path}/store"\nartifact = "out"\nbuild = "mkdir -p out && echo built > out/index.html && echo building"\n'
    )
    ran = user.does("push", cwd=work)
    assert "building" in ran.err
    assert (tmp_path / "store/apps/work/current/index.html").read_text() == "built\n"


def test_special_files_and_names_are_refused(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    os.mkfifo(site / "pipe")
    assert "FIFO" in user.run("push", site, "--to", store).err
    (site / "pipe").unlink()
    (site / "outside").symlink_to("../../etc/passwd")
    ran = user.run("push", site, "--to", store)
    assert ran.code == 1
    assert "--allow-outside-links" in ran.err
    user.does("push", site, "--to", store, "--allow-outside-links")
    bad = os.fsencode(site) + b"/caf\xe9"
    with open(bad, "w"):
        pass
    ran = user.run("push", site, "--to", store)
    assert ran.code == 1
    assert "not UTF-8" in ran.err
    os.unlink(bad)


def test_reading_needs_no_lock(user: User, store: Path) -> None:
    """Reading goes on while a collector holds the store alone and an activation holds the app."""
    with open(store / "lock", "a") as one, open(store / "apps/site/lock", "a") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        fcntl.flock(other, fcntl.LOCK_EX)
        began = time.monotonic()
        for command in ("list-generations", "status", "log", "verify"):
            user.does(command, "--to", store)
        user.does("show", "1", "--to", store)
        assert time.monotonic() - began < 120


def test_json_has_a_schema(user: User, store: Path) -> None:
    for command in ("list-generations", "status", "log", "verify", "attach", "gc"):
        ran = user.run(command, "--to", store, "--json")
        assert json.loads(ran.out)["schema"] == 1
        assert json.loads(ran.out)["command"] == command
