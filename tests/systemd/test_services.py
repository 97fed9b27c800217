"""Kinds of services: a real binary, a socket, a oneshot, a reload; sudo; and what ``status`` says of them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.hosts.systemd import Network, SystemdHost
from tests.support.user import PROGRAM, TIMEOUT_S
from tests.systemd import releases
from tests.systemd.deployer import Deployer
from tests.systemd.releases import UNIT

pytestmark = pytest.mark.root

BINARY = UNIT.replace("current/bin/web", "current/bin/python /srv/web/apps/web/current/bin/web")


def write_unit(host: SystemdHost, name: str, text: str) -> None:
    host.run("sh", "-c", f"cat > /etc/systemd/system/{name}", input=text)
    host.run("systemctl", "daemon-reload")


def with_a_binary(deployer: Deployer, version: str) -> Path:
    build = releases.make(deployer.user.home / "release", "good", version)
    shutil.copyfile(Path("/usr/bin/python3").resolve(), build / "bin/python")
    (build / "bin/python").chmod(0o755)
    return build


def test_a_binary_is_seen_to_execute_its_own_build(deployer: Deployer) -> None:
    write_unit(deployer.host, "web.service", BINARY)
    words = ("--app", "web", "--unit", "web", "--http", "http://127.0.0.1:8080/", "--health-stable", "1s")
    for version in ("first", "second"):
        deployer.does("push", with_a_binary(deployer, version), *words)
        assert deployer.serves() == version
    (unit,) = deployer.status()["units"]  # type: ignore[misc]
    assert (unit["name"], unit["state"], unit["runs"]) == ("web.service", "active (running)", 2)
    assert "/builds/" in unit["program"]


def test_a_unit_is_judged_by_what_systemd_has_loaded(deployer: Deployer) -> None:
    """Its ExecStart names a build instead of the link, though a comment and then an argument mention that."""
    write_unit(deployer.host, "web.service", BINARY)
    words = ("--app", "web", "--unit", "web", "--health-stable", "1s", "--health-timeout", "4s")
    deployer.does("push", with_a_binary(deployer, "first"), *words)
    build = deployer.host.run("readlink", "-f", "/srv/web/apps/web/current").stdout.strip()
    pinned = BINARY.replace("/srv/web/apps/web/current", build)
    write_unit(deployer.host, "web.service", "# instead of /srv/web/apps/web/current\n" + pinned)
    ran = deployer.run("push", with_a_binary(deployer, "second"), *words)
    assert ran.code == 1, ran.err
    assert "a switch would not change what it runs" in ran.err
    wrapped = pinned.replace(f"{build}/bin/python", f"/bin/sh -c 'exec {build}/bin/python \"$1\"' -")
    write_unit(
        deployer.host, "web.service", wrapped.replace("bin/web\n", "bin/web /srv/web/apps/web/current\n")
    )
    ran = deployer.run("push", with_a_binary(deployer, "second"), *words)
    assert ran.code == 3, ran.err
    assert "not this build" in ran.err
    deployer.host.run("sh", "-c", "cat > /etc/systemd/system/web.service", input=BINARY)
    ran = deployer.run("push", with_a_binary(deployer, "second"), *words)
    assert ran.code == 1, ran.err
    assert "systemctl daemon-reload" in ran.err
    assert deployer.serves() == "first"


def test_a_unit_beside_the_store_is_refused_before_anything_is_sent(deployer: Deployer) -> None:
    write_unit(deployer.host, "other.service", UNIT.replace("/srv/web/apps/web/current", "/opt/web"))
    ran = deployer.push("good", "first", "--unit", "other")
    assert ran.code == 1
    assert "a switch would not change what it runs" in ran.err
    assert "Nothing was sent" in ran.err


def test_a_target_is_as_healthy_as_its_members(deployer: Deployer) -> None:
    """systemd calls the target active, whatever became of the worker."""
    worker = UNIT.replace("Type=notify\n", "Type=exec\n").replace("Restart=on-failure\n", "")
    worker = worker.replace("current/bin/web", "current/bin/worker")
    host = deployer.host
    write_unit(host, "web.target", "[Unit]\nWants=web.service worker.service\n")
    write_unit(host, "worker.service", worker)
    made = with_a_binary(deployer, "first")
    (made / "bin/worker").write_text("#!/bin/sh\nexec sleep 1000\n")
    (made / "bin/worker").chmod(0o755)
    words = (
        "--app",
        "web",
        "--unit",
        "web.target",
        "--http",
        "http://127.0.0.1:8080/",
        "--health-stable",
        "1s",
    )
    ran = deployer.run("push", made, *words)
    assert ran.code == 1
    assert "Add PartOf=web.target to the [Unit] section of worker.service" in ran.err
    for name, text in (("web.service", UNIT), ("worker.service", worker)):
        write_unit(host, name, text.replace("[Unit]\n", "[Unit]\nPartOf=web.target\n"))
    deployer.does("push", made, *words)
    (made / "bin/worker").write_text("#!/bin/sh\nexit 3\n")
    ran = deployer.run("push", made, *words)
    assert ran.code == 3, ran.err
    assert "worker.service failed: its main process ended with exit code 3" in ran.err
    assert host.run("systemctl", "is-active", "worker").stdout == "active\n"


def test_running_is_not_always_current(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    ran = deployer.push("good", "second", "--unit-action", "reload", "--unit-runs-build")
    assert ran.code == 1, "a unit without ExecReload cannot be reloaded, and that is not the release's fault"
    deployer.host.run("ln", "-sfn", "generations/2", "/srv/web/apps/web/current")
    out = deployer.does("status", "--app", "web").out
    assert "current      2" in out


def test_a_file_that_was_changed_by_hand_shows(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    assert deployer.status()["changed"] == []
    deployer.host.run(
        "sh", "-c", "sleep 1.1; cd /srv/web/apps/web/current/; chmod u+w version; echo hacked > version"
    )
    (found,) = deployer.status()["changed"]  # type: ignore[misc]
    assert found.startswith("version ")


def test_a_socket_lets_nobody_be_refused(deployer: Deployer) -> None:
    """systemd holds the socket, so that requests wait while the service is restarted."""
    write_unit(
        deployer.host, "web.socket", "[Socket]\nListenStream=8080\n[Install]\nWantedBy=sockets.target\n"
    )
    deployer.host.run("systemctl", "enable", "-q", "--now", "web.socket")
    assert deployer.push("good", "first").code == 0
    with deployer.under_load() as requests:
        assert deployer.push("good", "second").code == 0
    assert [request for request in requests if request.body not in ("first", "second")] == []
    assert {request.body for request in requests} == {"first", "second"}


def test_a_oneshot_is_well_when_it_has_ended_well(deployer: Deployer) -> None:
    write_unit(
        deployer.host, "job.service",
        "[Service]\nType=oneshot\nExecStart=/bin/grep -q good /srv/web/apps/web/current/mode\n",
    )  # fmt: skip
    assert (
        deployer.run(
            *deployer.words("good", "first", "--unit", "job"),
            "--tcp",
            "127.0.0.1:22",
            "--health-timeout",
            "4s",
        ).code
        == 3
    )
    made = releases.make(deployer.user.home / "release", "good", "first")
    deployer.does("push", made, "--app", "web", "--unit", "job")
    bad = releases.make(deployer.user.home / "release", "exits 0", "second")
    ran = deployer.run("push", bad, "--app", "web", "--unit", "job")
    assert ran.code == 3
    assert "exit code 1" in ran.err


def test_the_first_release_that_fails_leaves_no_link_and_a_stopped_unit(deployer: Deployer) -> None:
    ran = deployer.push("answers 500", "first", "--health-timeout", "3s")
    assert ran.code == 3
    assert "No generation is current" in ran.err
    current = deployer.host.root_path / "srv/web/apps/web/current"
    assert not current.is_symlink()
    assert deployer.host.run("systemctl", "is-active", "web", check=False).stdout.strip() == "inactive"


def test_the_unit_that_relstore_prints_runs_the_app(deployer: Deployer) -> None:
    deployer.host.run("rm", "/etc/systemd/system/web.service")
    deployer.does("unit", "--app", "web", "--install", "bin/web")
    again = deployer.does("unit", "--app", "web", "--install", "bin/web")
    assert "was installed already" in again.out
    slots = deployer.does("unit", "--app", "web", "--install", "--name", "web@", "bin/web", "--json").document
    assert slots["hosts"][0]["files"] == [{"path": "/etc/systemd/system/web@.service", "changed": True}]
    assert slots["hosts"][0]["next"] == [
        "Let what stands in front of the app connect to /srv/web/apps/web/live."
    ]
    other = deployer.run("unit", "--app", "web", "--install", "bin/other")
    assert other.code == 1
    assert "--force replaces it" in other.err
    ran = deployer.push("good", "first")
    assert ran.code == 0, ran.err
    assert deployer.serves() == "first"
    score = deployer.host.run("systemd-analyze", "security", "--no-pager", "web.service").stdout
    assert "OK" in score.splitlines()[-1], score.splitlines()[-1]


@pytest.fixture
def account(host: SystemdHost, network: Network, tmp_path: Path) -> Deployer:
    """The ordinary account, with a store of its own below /srv; the unit belongs to root."""
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
    return Deployer.at(host, tmp_path / "account", "deploy")


def test_the_unit_for_the_next_boot_runs_as_the_account_that_deploys(
    account: Deployer, tmp_path: Path
) -> None:
    """No account is in the target: only the host knows which one that is."""
    text = account.does("unit", "--recover").out
    assert "User=deploy" in text.splitlines()
    python = account.host.run("sh", "-c", "command -v python3").stdout.strip()
    assert f"ExecStart={python} -I -S -X utf8 /srv/web/helpers/newest recover /srv/web" in text.splitlines()
    account.host.run("ln", "-s", python, "/opt/another-python")
    named = account.does("unit", "--recover", "--python", "/opt/another-python").out
    assert "ExecStart=/opt/another-python " in named
    root = Deployer.at(account.host, tmp_path / "root")
    for flags in ((), ("--account", "root")):
        ran = root.run("unit", "--recover", "--install", *flags)
        assert ran.code == 1
        assert "would run as root what deploy can change: /srv/web" in ran.err
        assert "--account deploy" in ran.err
    root.does("unit", "--recover", "--install", "--account", "deploy")


def test_an_account_without_rights_is_told_before_anything_is_sent(account: Deployer) -> None:
    ran = account.push("good", "first")
    assert ran.code == 1
    assert "restarting web.service needs root" in ran.err
    ran = account.push("good", "first", "--become", "sudo")
    assert ran.code == 1
    assert "sudo needs a password" in ran.err
    assert "relstore sudoers" in ran.err
    rule = "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart web.service\n"
    account.host.run("sh", "-c", "cat > /etc/sudoers.d/x; chmod 440 /etc/sudoers.d/x", input=rule)
    ran = account.push("good", "first", "--become", "sudo")
    assert ran.code == 1
    for words in ("restart --no-block", "stop", "reset-failed", "kill --signal=KILL"):
        assert f"`systemctl {words} web.service`" in ran.err
    assert "`systemctl restart web.service`" not in ran.err


def test_with_the_rule_that_relstore_prints_it_may_restart_and_go_back(account: Deployer) -> None:
    rule = account.does("sudoers", "--unit", "web", "--account", "deploy").out
    account.host.run(
        "sh", "-c", "cat > /etc/sudoers.d/relstore; chmod 440 /etc/sudoers.d/relstore", input=rule
    )
    account.host.run("visudo", "-cf", "/etc/sudoers.d/relstore")
    first = account.push("good", "first", "--become", "sudo")
    assert first.code == 0, first.err
    assert "systemd says that web.service was started with this build" in first.err
    ran = account.push("crash loop", "second", "--become", "sudo")
    assert ran.code == 3, ran.err
    assert account.serves() == "first"
    assert account.host.run("sudo", "-n", "true", user="deploy", check=False).returncode != 0


PASSWORD = "correct-horse-battery"
PATTERN = "[c]orrect-horse-battery"
"""It does not find the command that looks for it."""


def test_a_password_for_sudo_is_asked_once_and_left_nowhere(account: Deployer) -> None:
    host = account.host
    host.run("chpasswd", input=f"deploy:{PASSWORD}\n")
    rule = "deploy ALL=(root) /usr/bin/systemctl\n"
    host.run("sh", "-c", "cat > /etc/sudoers.d/relstore; chmod 440 /etc/sudoers.d/relstore", input=rule)
    look = f"grep -la '{PATTERN}' /proc/[0-9]*/cmdline /proc/[0-9]*/environ || echo nowhere"
    words = account.words("good", "first", "--ask-become-pass", "--before", "sleep 2", "-v")
    command = [*host.network.prefix, *PROGRAM, *map(str, words), "--to", f"{host.name}:{account.root}"]
    with subprocess.Popen(
        ["script", "-qefc", shlex.join(command), "/dev/null"],
        cwd=account.user.home, env=account.user.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as terminal:  # fmt: skip
        assert terminal.stdin is not None
        assert terminal.stdout is not None
        shown = ""
        try:
            while "sudo password on the hosts:" not in shown:
                letter = terminal.stdout.read(1)
                assert letter, f"it ended without asking: {shown}"
                shown += letter
            terminal.stdin.write(f"{PASSWORD}\n")
            terminal.stdin.flush()
            for line in terminal.stdout:
                shown += line
                if "running before" in line:
                    assert "nowhere" in host.run("sh", "-c", look).stdout
            assert terminal.wait(timeout=TIMEOUT_S) == 0, shown
        finally:
            terminal.kill()  # the end of the block waits for it
    assert PASSWORD not in shown
    assert shown.count("sudo password") == 1
    assert account.serves() == "first"
    assert host.run("grep", "-rla", PASSWORD, "/srv/web", "/run", "/var/log", check=False).stdout == ""
    wrong = account.push("good", "second", "--become", "sudo")
    assert wrong.code == 1
    assert "sudo needs a password" in wrong.err


def test_a_dead_service_is_seen_by_a_push_that_changes_nothing(deployer: Deployer) -> None:
    assert deployer.push("good", "first").code == 0
    assert deployer.push("good", "first").code == 0
    deployer.host.run("systemctl", "stop", "web")
    ran = deployer.push("good", "first")
    assert ran.code == 3, ran.err
    assert "generation 1 is current already, but it is not healthy: web.service stopped by itself" in ran.err
    flags = ("--app", "web", "--unit", "web", "--health-stable", "1s")
    ran = deployer.run("switch-generation", "1", *flags)
    assert ran.code == 3, ran.err
    assert "was restarted and is active" in deployer.does("restart", *flags).out
    assert deployer.serves() == "first"
    assert deployer.does("switch-generation", "1", *flags).code == 0


def test_what_the_guide_shows_of_a_program_that_ends_at_once(deployer: Deployer) -> None:
    deployer.host.run("rm", "/etc/systemd/system/web.service")
    deployer.does("unit", "--app", "web", "--install", "bin/web")
    assert deployer.push("good", "first").code == 0
    ran = deployer.push("exits at once", "second")
    assert ran.code == 3
    assert "web.service is in a crash loop: restarted 3 times" in ran.err, ran.err
    assert deployer.serves() == "first"
