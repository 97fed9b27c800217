"""Somebody put something else where ``current`` was: every command says what it is, what holds, and the way out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.user import User, make_site


@pytest.mark.parametrize("kind", ["a directory", "a file"])
def test_what_the_message_says_is_the_way_out(user: User, site: Path, tmp_path: Path, kind: str) -> None:
    store = tmp_path / "store"
    user.does("push", site, "--to", store)
    user.does("push", make_site(site, "two"), "--to", store)
    link = store / "apps/site/current"
    link.unlink()
    if kind == "a file":
        link.write_text("mine")
    else:
        link.mkdir()
        (link / "mine").write_text("mine")
    before = sorted(os.listdir(link.parent))
    for words in (("push", make_site(site, "three")), ("switch-generation", "1"), ("gc", "--keep", "1")):
        ran = user.run(*words, "--to", store)
        assert ran.code == 1, ran.out
        assert f"{link} is {kind}, and relstore keeps a symlink there" in ran.err
        assert "now:  relstore left it alone, so no generation is current." in ran.err
        assert sorted(os.listdir(link.parent)) == before
    assert f"is {kind}" in user.does("status", "--to", store).out
    line = re.search(r"\((mv .*?)\)", ran.err)
    assert line is not None
    subprocess.run(["sh", "-c", line[1]], check=True)
    user.does("switch-generation", "1", "--to", store)
    assert os.readlink(link) == "generations/1"
    assert os.path.lexists(f"{link}.old")
