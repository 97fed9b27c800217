"""Variables, secrets, state and linked data of a service that systemd really starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systemd.deployer import Deployer

pytestmark = pytest.mark.root

# These hosts give a service its directory of credentials, but no mount to fill it with.
PROGRAM = """#!/bin/sh
cd "$(dirname "$0")/.."
echo "$GREETING" > "$STATE_DIRECTORY/seen"
echo "${CREDENTIALS_DIRECTORY%/*}" >> "$STATE_DIRECTORY/seen"
echo upload > uploads/file
exec sleep 1000
"""


@pytest.mark.parametrize("name", ["web", "web@"])
def test_a_service_has_what_it_was_given(deployer: Deployer, tmp_path: Path, name: str) -> None:
    host, site = deployer.host, tmp_path / "site"
    host.run("rm", "-f", "/etc/systemd/system/web.service")
    (site / "bin").mkdir(parents=True)
    (site / "bin/web").write_text(PROGRAM)
    (site / "bin/web").chmod(0o755)
    host.run("sh", "-c", "mkdir -p '/etc/web 100%' && echo 'GREETING=hello world' > '/etc/web 100%/env'")
    host.run("sh", "-c", "echo hunter2 > /etc/web-db && chmod 600 /etc/web-db && useradd -r webby")
    config = deployer.user.home / "relstore.toml"
    config.write_text(
        'app = "web"\nlink = { "uploads" = "/srv/data/uploads" }\ncut-over = "none"\n'
        if "@" in name
        else 'app = "web"\nlink = { "uploads" = "/srv/data/uploads" }\n'
    )
    given = [
        "--env-file",
        "/etc/web 100%/env",
        "--credential",
        "db=/etc/web-db",
        "--state-directory",
        "seen-by-web",
    ]
    deployer.does("unit", "bin/web", "--name", name, "--account", "webby", *given, "--install", "--force")
    words = ("push", site, "--unit", name, "--health-stable", "500ms", "--health-interval", "100ms")
    missing = deployer.run(*words)
    assert "uploads leads to /srv/data/uploads, which does not exist [link-target-missing]" in missing.err
    assert "Nothing was sent" in missing.err
    host.run("mkdir", "-p", "/srv/data/uploads")
    refused = deployer.run(*words)
    assert "runs as webby, which may not write to it [link-target-refuses]" in refused.err
    ignored = deployer.run(*words, "--no-switch")
    assert ignored.code == 0, ignored.err
    host.run("chown", "webby", "/srv/data/uploads")
    host.run("systemctl", "daemon-reload")
    pushed = deployer.run(*words)
    assert pushed.code == 0, pushed.err
    assert host.run("cat", "/var/lib/seen-by-web/seen").stdout == "hello world\n/run/credentials\n"
    assert host.run("cat", "/srv/data/uploads/file").stdout == "upload\n"
    tree = host.run("readlink", "/srv/web/apps/web/current/uploads").stdout
    assert tree == "/srv/data/uploads\n"
    # No release has the secret, nor does anything that relstore keeps.
    assert host.run("grep", "-rl", "hunter2", "/srv/web", check=False).stdout == ""
