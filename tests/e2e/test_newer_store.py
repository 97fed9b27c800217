"""A store that a newer relstore uses, as a person with this one meets it."""

from __future__ import annotations

from pathlib import Path

from tests.support.user import User, make_site


def test_commands_that_change_it_say_which_version_it_takes(user: User, site: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    user.does("push", site, "--to", store)
    (store / "needs").write_text("relstore-needs 2 9.9.0\n")
    for words in (("push", make_site(site, "two")), ("gc", "--keep", "1"), ("mark", "bad", "1"), ("verify",)):
        ran = user.run(*words, "--to", store)
        assert ran.code == 1
        assert f"the store at {store} needs relstore >= 9.9.0" in ran.err
        assert "Install relstore 9.9.0 or a later one" in ran.err
    document = user.run("hold", "-m", "why", "--to", store, "--json").document
    assert [failed["error"]["kind"] for failed in document.get("failed", [document])] == ["NewerStore"]
    for reading in ("status", "list-generations", "log", "show 1", "attach", "gc --keep 1 --dry-run"):
        user.does(*reading.split(), "--to", store)
    unchanged = user.does("push", make_site(site, "one"), "--to", store)
    assert "nothing was changed" in unchanged.out
