"""What an ordinary account does at a host of each suite, from the first push to a recovery at boot, step by step.

The account has the rule that ``relstore sudoers`` prints and nothing else, and the units are those that ``relstore
unit`` prints. A step checks what came of it, and returns that in a few words for docs/suites.md.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.hosts.systemd import SystemdHost
from tests.support.moved_programs import release
from tests.support.user import Ran
from tests.systemd import releases
from tests.systemd.deployer import Deployer, document
from tests.systemd.steps import caught, events

UNIT_FILE = "/etc/systemd/system/web.service"
_FUNCTIONS = 1500
_FLAGS = ("--become", "sudo", "--health-stable", "2s", "--health-timeout", "8s")
_SWITCH = ("--app", "web", "--unit", "web", *_FLAGS)


@dataclass
class Story:
    """The account at its host. ``serves`` is what the service must answer after each step."""

    deployer: Deployer
    serves: str = ""
    program: bytes = release(1, _FUNCTIONS)
    """A file that is in each build, such as a compiled program."""

    @property
    def host(self) -> SystemdHost:
        return self.deployer.host

    def words(self, name: str, version: str, *flags: str) -> tuple[object, ...]:
        """The arguments of a push of the release called ``name``."""
        words = self.deployer.words(name, version, *_FLAGS, *flags)
        (Path(str(words[1])) / "program").write_bytes(self.program)
        return words

    def push(self, name: str, version: str, *flags: str) -> Ran:
        return self.deployer.run(*self.words(name, version, *flags))

    def ends_with(self, outcome: str) -> int:
        """The journal's last event is this one; the number of its generation."""
        kind, number = self.deployer.events()[-1]
        assert kind == outcome, self.deployer.events()
        return number


def prepare(host: SystemdHost, home: Path) -> Story:
    """What root does once: a directory for the account, the printed unit and the printed rule."""
    host.run("install", "-d", "-o", "deploy", "-g", "deploy", "/srv/web")
    deployer = Deployer.at(host, home, "deploy")
    _as_root(host, UNIT_FILE, deployer.does("unit", "--app", "web", "bin/web").out)
    _as_root(host, "/etc/sudoers.d/relstore", deployer.does("sudoers", "--unit", "web").out)
    host.run("chmod", "440", "/etc/sudoers.d/relstore")
    host.run("visudo", "-cf", "/etc/sudoers.d/relstore")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "enable", "--quiet", "web.service")
    return Story(deployer)


def first_push(story: Story) -> str:
    ran = story.push("good", "one")
    assert ran.code == 0, ran.err
    story.serves = "one"
    story.ends_with("active")
    return "active"


def unchanged_push(story: Story) -> str:
    before = story.deployer.events()
    ran = story.push("good", "one")
    assert ran.code == 0, ran.err
    assert "is already current" in ran.out + ran.err
    assert story.deployer.events() == before
    return "already current"


def push_of_differences(story: Story) -> str:
    """The program of the next release is sent as a difference to this one, which python3-minimal can apply."""
    story.program = release(2, _FUNCTIONS)
    ran = story.push("good", "two", "--delta", "--json")
    assert ran.code == 0, ran.err
    story.serves = "two"
    result: dict[str, Any] = document(ran)
    (codec,) = {stream["codec"] for stream in result["streams"] if stream["base"]}
    assert result["sent_bytes"] < len(story.program) / 8, result
    story.ends_with("active")
    return f"active, by {codec.partition(' ')[0]}"


def crash(story: Story) -> str:
    words = story.words("good", "bad", "--health-stable", "4s")
    releases.make_harmful(Path(str(words[1])), ":")
    ran = story.deployer.run(*words)
    assert ran.code == 3, ran.err
    assert re.search("crash loop|stopped by itself|restarted", ran.err), ran.err
    story.ends_with("rolled-back")
    return "rolled-back"


def error_500(story: Story) -> str:
    ran = story.push("answers 500", "bad", "--health-timeout", "4s")
    assert ran.code == 3, ran.err
    assert "status 500" in ran.err
    story.ends_with("rolled-back")
    return "rolled-back"


def unit_not_reloaded(story: Story) -> str:
    before = story.deployer.events()
    time.sleep(1.1)  # systemd compares times of whole seconds
    story.host.run("sh", "-c", f"echo '# edited' >> {UNIT_FILE}")
    ran = story.push("good", "not to be seen")
    assert ran.code == 1, ran.err
    assert "systemctl daemon-reload" in ran.err
    assert story.deployer.events() == before
    story.host.run("systemctl", "daemon-reload")
    return "refused"


def switch_back_and_forward(story: Story) -> str:
    story.deployer.does("switch-generation", "-1", *_SWITCH)
    assert story.deployer.serves() == "one"
    story.deployer.does("switch-generation", "+1", *_SWITCH)
    story.ends_with("active")
    return "active"


def confirmed_push(story: Story) -> str:
    ran = story.push("good", "three", "--confirm", "30s")
    assert ran.code == 0, ran.err
    story.serves = "three"
    story.ends_with("active")
    return "active"


def status(story: Story) -> str:
    answer: dict[str, Any] = story.deployer.status()
    (unit,) = answer["units"]
    assert (unit["name"], unit["state"]) == ("web.service", "active (running)")
    number = answer["current"]["number"]
    assert story.ends_with("active") == number
    assert f"current      {number}" in story.deployer.does("status", "--app", "web").out
    return "as recorded"


def log(story: Story) -> str:
    recorded = [event for event, _ in story.deployer.events()]
    assert recorded.count("active") == 5, recorded
    assert recorded.count("rolled-back") == 2, recorded
    assert "rolled-back" in story.deployer.does("log", "--app", "web").out
    return "complete"


def collection(story: Story) -> str:
    freed = story.deployer.does("gc", "--app", "web", "--keep", "2", "--json").document["hosts"][0]
    assert freed["removed_objects"] > 0
    assert freed["kept_generations"] == 2
    return "frees"


def verify_and_repair(story: Story) -> str:
    story.deployer.does("verify")
    story.host.run(
        "sh", "-c",
        "cd /srv/web/apps/web/current/ && chmod u+w program && dd if=/dev/zero of=program bs=1 count=9 conv=notrunc",
    )  # fmt: skip
    assert story.deployer.run("verify").code == 1
    story.deployer.does("verify", "--repair")
    story.deployer.does("verify")
    return "finds, repairs"


def recovery_of_a_switch(story: Story) -> str:
    """The power is cut after the switch. At boot the release is checked and stays."""
    _as_root(
        story.host,
        "/etc/systemd/system/relstore-recover.service",
        story.deployer.does("unit", "--recover").out,
    )
    story.host.run("systemctl", "daemon-reload")
    story.host.run("systemctl", "enable", "--quiet", "relstore-recover.service")
    _cut_the_power(story, "checking", "four", "-v", "--health-stable", "6s")
    story.serves = "four"
    assert events(story.deployer)[-1][0] == "active", events(story.deployer)
    return "active"


def recovery_of_what_nobody_confirmed(story: Story) -> str:
    """The power is cut while the host waits for a confirmation. At boot the host goes back."""
    _cut_the_power(story, "confirming", "five", "-v", "--confirm", "60s", cut_off=True)
    assert events(story.deployer)[-1][0] == "rolled-back", events(story.deployer)
    return "rolled-back"


Step = Callable[[Story], str]
STEPS: dict[str, Step] = {
    "first push": first_push,
    "the same push again": unchanged_push,
    "push of a difference": push_of_differences,
    "release that crashes after 1 s": crash,
    "release that answers 500": error_500,
    "unit edited, not reloaded": unit_not_reloaded,
    "`switch-generation -1`, `+1`": switch_back_and_forward,
    "push with `--confirm`": confirmed_push,
    "`status`": status,
    "`log`": log,
    "`gc --keep 2`": collection,
    "`verify`, `verify --repair`": verify_and_repair,
    "boot after a power cut amid a switch": recovery_of_a_switch,
    "boot after a power cut amid a confirmation": recovery_of_what_nobody_confirmed,
}


def _as_root(host: SystemdHost, path: str, text: str) -> None:
    host.run("sh", "-c", 'cat > "$1"', "sh", path, input=text)


def _cut_the_power(story: Story, step: str, version: str, *flags: str, cut_off: bool = False) -> None:
    """At ``step`` of a push; ``cut_off``: the client cannot get through from there on. Then boot the host."""
    host = story.host
    with caught(story.deployer, step, *story.words("good", version, *flags)) as client:
        if cut_off:
            host.network.cut(host)
        client.kill()
        host.power_cut()
    host.boot()
    host.wait_running()
