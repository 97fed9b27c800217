"""`copy` in relstore.toml: the service gets what was asked for, also for a build that is there already."""

from __future__ import annotations

from pathlib import Path

from tests.support.host_state import problems
from tests.support.user import User, make_site


def test_a_push_with_copies(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    site = make_site(tmp_path / "site", "1")
    run = store / "apps/site/current/run"
    user.does("push", site, *to)
    assert run.stat().st_nlink > 1
    # The same content with a new `copy` is another release, of which nothing has to be sent.
    ran = user.does("push", site, *to, "--copy", "run", "--json")
    (host,) = ran.document["hosts"]
    assert (host["generation"], host["sent_bytes"]) == (2, 0)
    assert run.stat().st_nlink == 1
    assert "nothing was changed" in user.does("push", site, *to, "--copy", "run").out
    user.does("rollback", *to)
    assert run.stat().st_nlink > 1
    user.does("switch-generation", "2", *to)
    assert run.stat().st_nlink == 1
    assert "executable, copied" in user.does("show", "2", "--files", *to).out
    assert "run" in user.does("diff", "1", "2", *to).out
    assert user.does("verify", *to).code == 0
    assert problems(store) == []


def test_a_key_of_the_configuration(user: User, tmp_path: Path) -> None:
    store = tmp_path / "store"
    project = tmp_path / "project"
    project.mkdir()
    make_site(project / "site", "1")
    (project / "relstore.toml").write_text(
        f'to = "{store}"\napp = "site"\nartifact = "site"\ncopy = ["r*", "deep/**"]\n'
    )
    user.does("push", cwd=project)
    tree = store / "apps/site/current"
    assert (tree / "run").stat().st_nlink == 1
    assert (tree / "deep/er/näme with blank").stat().st_nlink == 1
    assert (tree / "same-bytes-plain").stat().st_nlink > 1
    (project / "relstore.toml").write_text(
        f'to = "{store}"\napp = "site"\nartifact = "site"\ncopy = "bin/x"\n'
    )
    for words in (["push"], ["push", "--dry-run"]):
        ran = user.run(*words, cwd=project)
        assert ran.code == 2
        assert "'bin/x', which matches no file of the artifact" in ran.err
        assert "Nothing was sent." in ran.err
    assert len(list((store / "apps/site/records").iterdir())) == 1


def test_a_copy_is_repaired_with_what_this_machine_has(user: User, tmp_path: Path) -> None:
    store, to = tmp_path / "store", ("--to", tmp_path / "store", "--app", "site")
    user.does("push", make_site(tmp_path / "site", "1"), *to, "--copy", "index.html")
    for path in store.rglob("*"):
        if path.is_file() and path.read_bytes() == b"1":
            path.chmod(0o644)
            path.write_bytes(b"2")
            path.chmod(0o444)
    ran = user.does("verify", "--repair", *to)
    assert "2 problems, 2 repaired" in ran.out
    assert (store / "apps/site/current/index.html").read_text() == "1"
    assert (store / "apps/site/current/index.html").stat().st_nlink == 1
    assert problems(store) == []
