"""Names are bytes: whatever the locale of the account at the host, they arrive as they were sent."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_difficult_hosts import shell_of
from tests.support.hosts.sshd import public_directory
from tests.support.user import User, target_of

RUN = 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
NAMES = ("café", "日本", "plain")


@pytest.fixture
def latin_1() -> Iterator[str]:
    """What a shell exports so that the account's locale has one byte for each letter."""
    if shutil.which("localedef") is None:
        pytest.skip("no localedef here (Debian: locales)")
    with public_directory() as directory:
        made = subprocess.run(
            ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(directory / "en_US.ISO-8859-1")],
            capture_output=True,
        )
        if made.returncode:
            pytest.skip("localedef has no ISO-8859-1 here (Debian: locales)")
        yield f"export LOCPATH={directory} LC_ALL=en_US.ISO-8859-1"


@pytest.mark.sshd
@pytest.mark.usefixtures("need_sshd")
@pytest.mark.parametrize("locale", ["latin-1", "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"])
def test_a_push_a_check_and_the_way_back(user: User, tmp_path: Path, latin_1: str, locale: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for name in NAMES:
        (site / name).write_text("one")
    script = f"{latin_1 if locale == 'latin-1' else locale}\n{RUN}"
    with public_directory() as directory, shell_of(directory, script) as server:
        user.may_log_in_to(server)
        to = ("--to", target_of(server, directory / "store"))
        first = user.run("push", site, *to)
        assert "is active" in first.out, first.err
        tree = directory / "store/apps/site/current"
        assert sorted(path.name for path in tree.iterdir()) == sorted(NAMES)
        (site / "plain").write_text("two")
        second = user.run("push", site, *to)
        assert "is active" in second.out, second.err
        (tree / "by-a-service-caf\udce9").write_text("whose name is not UTF-8")
        checked = user.run("verify", *to)
        assert checked.code == 0, checked.err
        assert "by-a-service-caf\\xe9: is not part of the release (left alone)" in checked.err + checked.out
        looked_at = user.run("status", *to)
        assert looked_at.code == 0, looked_at.err
        back = user.run("switch-generation", "-1", *to)
        assert back.code == 0, back.err
        forth = user.run("switch-generation", "2", *to)
        assert forth.code == 0, forth.err
