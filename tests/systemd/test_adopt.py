"""A service that another tool deployed comes into the store, under load, and goes back: no request fails.

The script is the one that relstore began as, with its commands as they are; Capistrano is the real one, where it
is installed. As an ordinary account, which may restart the unit and nothing else.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import FAST, HTTP, Deployer

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

SERVICE = Path(__file__).with_name("adopted_service.py").read_text()
OLD = "/srv/old"
SOCKET = """\
[Socket]
ListenStream=8080
Backlog=1024
[Install]
WantedBy=sockets.target
"""
UNIT = """\
[Service]
User=deploy
ExecStart={program}
"""
COMMIT = "4a9f1d2c" * 5
KEYS = ("--app", "web", "--unit", "web", "--become", "sudo", *HTTP, *FAST)

_CAPFILE = """\
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/plugin"

class Upload < Capistrano::SCM::Plugin
  def register_hooks
    after "deploy:new_release_path", "upload:create_release"
    before "deploy:set_current_revision", "upload:set_current_revision"
  end

  def define_tasks
    namespace :upload do
      task :create_release do
        on release_roles(:all) do
          execute :mkdir, "-p", release_path
          upload! ENV["ARTIFACT"], release_path.to_s, recursive: true
        end
      end
      task :set_current_revision do
        set :current_revision, ENV["COMMIT"]
      end
    end
  end
end

install_plugin Upload
"""
_DEPLOY = """\
set :application, "web"
set :deploy_to, "{old}"
set :linked_dirs, ["uploads"]
set :format_options, log_file: nil
set :ssh_options, config: "{config}"
"""


@pytest.fixture
def deployer(network: Network, tmp_path: Path) -> Iterator[Deployer]:
    host = SystemdHost.start(tmp_path / "host", network, "web1", "10.99.1.1")
    try:
        host.wait_running()
        for place in (OLD, "/srv/web"):
            host.run("install", "-d", "-o", "deploy", "-g", "deploy", place)
        deployer = Deployer.at(host, tmp_path / "home", "deploy")
        rule = deployer.does("sudoers", "--unit", "web").out
        host.run("sh", "-c", "umask 337; cat > /etc/sudoers.d/relstore", input=rule)
        yield deployer
    finally:
        host.stop()


def built(deployer: Deployer, version: str) -> Path:
    """A directory with the program of that version."""
    place = deployer.user.home / "build"
    place.mkdir(exist_ok=True)
    program = place / "example"
    program.write_text(SERVICE.replace('"v0"', f'"{version}"'))
    program.chmod(0o755)
    return program


def starts(deployer: Deployer, program: str) -> None:
    """The unit that runs ``program``, with a socket of systemd's before it."""
    host = deployer.host
    for name, text in (("web.socket", SOCKET), ("web.service", UNIT.format(program=program))):
        host.run("sh", "-c", f"cat > /etc/systemd/system/{name}", input=text)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--now", "web.socket")


def by_script(deployer: Deployer, version: str) -> None:
    """What the 30-line script does, but for the restart."""
    program = built(deployer, version)
    digest = hashlib.blake2b(program.read_bytes()).hexdigest()
    name = f"example-{int(time.time())}-{COMMIT}-{digest}"
    host = deployer.host
    host.run("install", "-d", "-o", "deploy", f"{OLD}/versions")
    host.run(
        "sh", "-c", f"cat > {OLD}/versions/{name}; chmod 755 {OLD}/versions/{name}", input=program.read_text()
    )
    host.run("sh", "-c", f"rm -f {OLD}/example && ln -s {OLD}/versions/{name} {OLD}/example")
    host.run("chown", "-R", "-h", "deploy:deploy", OLD)
    time.sleep(1.1)  # its names have whole seconds


def by_capistrano(deployer: Deployer, version: str, task: str = "deploy") -> None:
    project = deployer.user.home / "project"
    (project / "config/deploy").mkdir(parents=True, exist_ok=True)
    (project / "Capfile").write_text(_CAPFILE)
    settings = _DEPLOY.format(old=OLD, config=deployer.user.home / ".ssh/config")
    (project / "config/deploy.rb").write_text(settings)
    (project / "config/deploy/production.rb").write_text('server "web1", user: "deploy", roles: %w[app]\n')
    program = built(deployer, version)
    words = f"cd {shlex.quote(str(project))} && ARTIFACT={shlex.quote(str(program))} COMMIT={COMMIT} cap production {task}"
    subprocess.run(
        [*deployer.host.network.prefix, "sh", "-c", words],
        env=deployer.user.environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    time.sleep(1.1)


def main_pid(deployer: Deployer) -> str:
    return deployer.host.run("systemctl", "show", "--value", "-p", "MainPID", "web.service").stdout.strip()


def leads_to(deployer: Deployer, path: str) -> str:
    return deployer.host.run("readlink", path).stdout.strip()


def story(deployer: Deployer, live: str, served: str) -> None:
    """Adopt, push, go back to what was adopted, give it back: all under load."""
    assert deployer.serves() == served
    was, pid = leads_to(deployer, live), main_pid(deployer)
    with deployer.under_load() as requests:
        time.sleep(1)
        dry = deployer.does("adopt", "--from", OLD, "--app", "web", "--dry-run")
        assert "Nothing was changed" in dry.out
        assert leads_to(deployer, live) == was
        deployer.does("adopt", "--from", OLD, "--app", "web")
        assert leads_to(deployer, live).startswith("/srv/web/apps/web/current")
        assert main_pid(deployer) == pid, "it was restarted"
        pushed = deployer.run("push", built(deployer, "v9"), *KEYS)
        assert pushed.code == 0, pushed.err
        assert deployer.serves() == "v9"
        deployer.does("rollback", *KEYS)
        assert deployer.serves() == served
        deployer.does("adopt", "--undo", "--app", "web")
        assert leads_to(deployer, live) == was
        deployer.host.run("systemctl", "restart", "web.service")
        assert deployer.serves() == served
    failed = [request for request in requests if request.body not in (served, "v9")]
    assert len(requests) > 200
    assert not failed, failed[:5]
    assert {request.body for request in requests} == {served, "v9"}


def test_the_script(deployer: Deployer) -> None:
    for version in ("v1", "v2", "v3"):
        by_script(deployer, version)
    deployer.host.run("sh", "-c", f"touch -d '1 hour ago' {OLD}/versions/*")
    starts(deployer, f"{OLD}/example")
    story(deployer, f"{OLD}/example", "v3")
    rows = deployer.does("list-generations", "--app", "web", "--json").document["hosts"][0]["generations"]
    assert [row["commit"] for row in rows[:3]] == [COMMIT] * 3


@pytest.mark.skipif(shutil.which("cap") is None, reason="Capistrano is not installed")
def test_capistrano(deployer: Deployer) -> None:
    for version in ("v1", "v2", "v3"):
        by_capistrano(deployer, version)
    by_capistrano(deployer, "v3", "deploy:rollback")
    deployer.host.run("sh", "-c", f"find {OLD} -type f -exec touch -d '1 hour ago' {{}} +")
    starts(deployer, f"{OLD}/current/example")
    story(deployer, f"{OLD}/current", "v2")
    rows = deployer.does("list-generations", "--app", "web", "--json").document["hosts"][0]["generations"]
    assert [(row["commit"], row["state"]) for row in rows[:2]] == [(COMMIT, "good"), (COMMIT, "current")]
    assert rows[0]["who"]


def test_a_path_that_only_root_may_replace(deployer: Deployer) -> None:
    """The command that it prints, run by root, and the same adoption again."""
    by_script(deployer, "v1")
    deployer.host.run("sh", "-c", f"touch -d '1 hour ago' {OLD}/versions/*")
    deployer.host.run("chown", "root:root", OLD)
    deployer.host.run("chmod", "755", OLD)
    was = leads_to(deployer, f"{OLD}/example")
    refused = deployer.run("adopt", "--from", OLD, "--app", "web")
    assert refused.code == 1
    assert leads_to(deployer, f"{OLD}/example") == was
    _, _, command = refused.err.replace("\n", " ").partition("again: ")
    assert command, refused.err
    deployer.host.run("sh", "-c", " ".join(command.split()))
    assert "leads into the store already" in deployer.does("adopt", "--from", OLD, "--app", "web").out
    assert leads_to(deployer, f"{OLD}/example") == "/srv/web/apps/web/current/example"
