"""docs/moving-a-store.md: its ways to copy a store, tried between two real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.host_side import remove_store
from tests.support.hosts.sshd import Sshd, public_directory
from tests.support.user import User, make_site, target_of

pytestmark = pytest.mark.sshd

TAR = "ssh deploy@web1 tar -C /srv/web -cf - . | ssh deploy@web2 tar -C /srv/web -xpf -"
RSYNC = "rsync -aH --numeric-ids web1:/srv/web/ /srv/web/"


@pytest.mark.parametrize("command", [TAR, RSYNC], ids=["tar", "rsync"])
def test_a_copy_is_a_store(server: Sshd, store_path: Path, user: User, tmp_path: Path, command: str) -> None:
    assert command in (Path(__file__).parents[2] / "docs/moving-a-store.md").read_text()
    if command == RSYNC and shutil.which("rsync") is None:
        pytest.skip("no rsync here")
    user.may_log_in_to(server)
    with public_directory() as directory, public_directory() as place:
        second = Sshd.start(directory, user=server.user if os.geteuid() == 0 else None)
        try:
            _move(server, second, store_path, place, user, tmp_path, command)
        finally:
            second.stop()
            remove_store(place / "moved")


def _move(
    server: Sshd, second: Sshd, old: Path, place: Path, user: User, tmp_path: Path, command: str
) -> None:
    site, new = tmp_path / "site", place / "moved"
    there = ("--to", target_of(server, old))
    user.does("push", make_site(site, "one"), "--copy", "index.html", *there)
    user.does("push", make_site(site, "two"), *there)
    user.does("push", site, "--app", "other", *there)
    user.does("pin", "kept", "1", "--app", "site", *there)
    for app in ("site", "other"):
        user.does("hold", "--app", app, "-m", "moving", *there)
    place.chmod(0o755)
    new.mkdir()
    shutil.chown(new, server.user)
    for name, host in (("deploy@web1", server), ("deploy@web2", second)):
        command = command.replace(
            f"ssh {name} ", f"ssh -F {host.config} -p {host.port} {host.user}@{host.host} "
        )
    command = command.replace("web1:/srv/web/", f"{server.user}@{server.host}:{old}/")
    command = command.replace("-C /srv/web -c", f"-C {old} -c").replace("/srv/web", str(new))
    if command.startswith("rsync"):
        command = command.replace("rsync ", f"rsync -e 'ssh -F {server.config} -p {server.port}' ")
    subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True, env=user.environment)
    if os.geteuid() == 0:
        subprocess.run(["chown", "-hR", server.user, str(new)], check=True)
    user.may_log_in_to(second)
    here = ("--to", target_of(second, new))
    checked = user.does("verify", *here, "--json").document["hosts"][0]
    assert checked["findings"] == []
    assert {path.stat().st_nlink for path in (new / "objects").rglob("*") if path.is_file()} != {1}
    held = user.run("switch-generation", "1", "--app", "site", *here)
    assert (held.code, "moving" in held.err) == (1, True)  # the hold was copied too
    for app in ("site", "other"):
        user.does("unhold", "--app", app, *here)
    unchanged = user.does("push", site, *here)
    assert "already current, nothing was changed" in unchanged.out
    assert "history" not in unchanged.err
    listed = user.does("list-generations", "--app", "site", *here, "--json").document["hosts"][0]
    assert [(row["number"], row["pins"]) for row in listed["generations"]] == [(1, ["kept"]), (2, [])]
    user.does("switch-generation", "-1", "--app", "site", *here)
    assert (new / "apps/site/current/index.html").read_text() == "one"
    # Objects that builds use are known by their hard links: nothing but what is not needed goes.
    user.does("unpin", "kept", "--app", "site", *here)
    assert (
        user.does("gc", "--dry-run", "--app", "site", *here, "--json").document["hosts"][0]["removed_objects"]
        == 0
    )
