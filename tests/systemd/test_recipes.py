"""The recipes of docs/recipes, followed to the letter on a host with systemd, and with people calling the service.

A page is what its reader does: ```console blocks run at the desk, ```sh blocks as root on the host, and a block after
``<!-- file: NAME -->`` or ``<!-- host file: NAME -->`` becomes that file. In the pages of SLOTS and SITES no request may fail
from UNDER_LOAD on. The short form, for CI, plays a few pages, and waits for less long after each switch than the pages have it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.hosts.base_tree import ACCOUNT
from tests.support.hosts.systemd import Network, SystemdHost
from tests.systemd.deployer import Deployer
from tests.systemd.slot_host import under_load
from tests.systemd.test_guide import Desk, environment, preparation
from tests.test_docs_stories import ROOT, Step, shows, steps_of

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.timeout(900)]

THOROUGH = os.environ.get("RELSTORE_TEST_THOROUGH") == "1"
PAGES = ROOT / "docs/recipes"
UNDER_LOAD = "## The next release"
"""From this heading on, somebody calls the service all the time."""
HASTE = 'health-stable = "500ms"\n'
HASTE_OF_SLOTS = f'watch = "1s"\n{HASTE}'
CONFIGURATION = re.compile(r"cat > (\S*relstore\.toml) ")
MUSL = "x86_64-unknown-linux-musl"
RUSTUP = Path(os.environ.get("RUSTUP_HOME", "~/.rustup")).expanduser()
WHEELS = Path("/var/cache/relstore-tests/wheels")
DATABASE = """
for version in /usr/lib/postgresql/*; do
    version=${version##*/}
done
rm -rf /etc/postgresql/*/main /var/lib/postgresql/*/main
pg_createcluster --start "$version" main
"""
"""As Debian's package leaves it: the cluster of this machine may be in use, and its log is hidden from the hosts."""
CREDENTIALS = """\
[Service]
ExecStartPre=+-/usr/bin/nsenter --target 1 --mount /bin/sh -c 'install -m 644 /etc/web/password -t "$$0"; chmod 755 "$$0"' /run/credentials/%n
"""
"""Namespaces have no mount by which systemd fills the directory of credentials, so root does, for stateful.md."""
BLOCK = re.compile(
    r"^(?:<!-- host file: (?P<file>\S+) -->\n\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Recipe:
    """A page, what it needs on this machine, and how many releases it has, which answer `version N`."""

    name: str
    needs: tuple[str, ...] = ()
    """Programs."""
    wheels: tuple[str, ...] = ()
    """Packages of Python that it installs; the hosts' network reaches nothing."""
    releases: int = 2
    short: bool = False
    """Whether CI plays it."""
    prepared: bool = True
    """Whether the host has the account and its directory before the page begins."""

    @property
    def path(self) -> Path:
        return PAGES / f"{self.name}.md"


SLOTS = (
    Recipe("python-nginx", needs=("nginx",), wheels=("uvicorn==0.35.0",), short=True),
    Recipe("go-haproxy", needs=("go", "haproxy")),
    Recipe("node-caddy", needs=("node", "caddy")),
    Recipe("moving", needs=("nginx", "ss"), releases=3),
    Recipe("workers"),
    Recipe("migrations", needs=("nginx", "pg_createcluster"), releases=4),
)
"""Two releases at a time, and nobody notices the switch."""
SITES = (
    Recipe("static-nginx", needs=("nginx", "curl"), short=True),
    Recipe("static-caddy", needs=("caddy", "curl")),
)
"""No service of their own; a front serves the files."""
PLAIN = (
    Recipe("service", needs=("curl",), short=True, prepared=False),
    Recipe("python-venv", needs=("curl",), wheels=("uvicorn==0.35.0",)),
    Recipe("rust", needs=("cargo", "curl")),
    Recipe("several-apps", needs=("curl",)),
    Recipe("stateful", needs=("curl",), short=True),
    Recipe("backup", needs=("tar",)),
    Recipe("from-a-script", needs=("curl",)),
)
"""A restart, which may fail requests; the page itself shows what answers after each step."""
RECIPES = (*SLOTS, *SITES, *PLAIN)
PLAYED_WITHOUT_A_HOST = {"notify"}
"""By ``tests.e2e.test_local_hooks``."""


def steps(page: Path) -> list[tuple[bool, Step]]:
    """What the page has its reader do, in order, each with whether it is root on the host who does it."""
    text = page.read_text()
    found = [(False, step) for step in steps_of(page)]
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match["file"]:
            found.append(
                (True, Step(line, f"cat > {match['file']} <<'END'\n{match['text']}END\n", None, False))
            )
        elif match["language"] == "sh" and not is_file(text, match.start()):
            found.append((True, Step(line, f"set -e\n{match['text']}", None, False)))
    return sorted(found, key=lambda step: step[1].line)


def is_file(text: str, start: int) -> bool:
    return text[:start].endswith("-->\n\n")


def test_every_recipe_is_played_and_listed() -> None:
    pages = {path.stem for path in PAGES.glob("*.md")} - {"README"}
    assert pages == {recipe.name for recipe in RECIPES} | PLAYED_WITHOUT_A_HOST
    assert pages == set(re.findall(r"\]\(([\w-]+)\.md\)", (PAGES / "README.md").read_text()))


@pytest.fixture
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """One that can be played; before there is a host, for that takes seconds."""
    found: Recipe = request.param
    if not THOROUGH and not found.short:
        pytest.skip("played with RELSTORE_TEST_THOROUGH=1")
    if reason := missing(found):
        (pytest.fail if THOROUGH else pytest.skip)(f"docs/recipes/{found.name}.md was not played: {reason}")
    return found


@pytest.fixture
def desk(recipe: Recipe, network: Network, tmp_path: Path) -> Iterator[Desk]:
    """A host that is prepared as the guide has it, up to the first unit."""
    files = {f"/var/log/{name}/.keep": "" for name in ("nginx", "caddy")}
    files["/etc/systemd/system/web.service.d/credentials.conf"] = CREDENTIALS
    host = SystemdHost.start(tmp_path, network, "web1", "10.99.1.5", files=files)
    try:
        host.wait_running()
        host.run("userdel", "--remove", ACCOUNT, check=False)
        host.run("sh", "-c", "cat > /root/ada.pub", input=Path(f"{host.key}.pub").read_text())
        if recipe.prepared:
            host.run("sh", "-ec", f"cd /root\n{preparation()[0]}")
        if "pg_createcluster" in recipe.needs:
            host.run("sh", "-ec", DATABASE)
        found = dict(environment(host, tmp_path / "home"))
        found |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        found |= {"RUSTFLAGS": "-C target-feature=+crt-static", "RUSTUP_HOME": str(RUSTUP)}
        yield Desk(host, tmp_path / "home/project", found)
    finally:
        host.stop()


def missing(recipe: Recipe) -> str:
    """What the recipe needs and this machine has not."""
    programs = [name for name in recipe.needs if not shutil.which(name)]
    if programs:
        return f"not installed: {', '.join(programs)}"
    if not recipe.wheels:
        return ""
    WHEELS.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(WHEELS), *recipe.wheels]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    return done.stderr[-500:] if done.returncode else ""


def without_musl(command: str) -> str:
    """What is built where rustup cannot be asked for the target: a static program all the same, linked with glibc."""
    done = subprocess.run(["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False)
    has_it = Path(done.stdout.strip(), f"lib/rustlib/{MUSL}/lib").is_dir()
    return command if has_it else command.replace(MUSL, MUSL.replace("musl", "gnu"))


def play(desk: Desk, root: bool, steps: list[Step], page: Path, haste: str = HASTE_OF_SLOTS) -> None:
    """At the desk the steps share a shell."""
    if root:
        done = desk.host.run("sh", "-c", f"cd /root\n{steps[0].command}", check=False)
        results = [(done.returncode, done.stdout + done.stderr)]
    else:
        results = desk.run(*(as_played(step, haste) for step in steps))
    for step, (code, output) in zip(steps, results, strict=True):
        failed = code != 0 and not step.may_fail
        said = f"{page.name}:{step.line}: {step.command}\nended with {code}, printed:\n{output}"
        assert not failed, said
        assert step.output is None or shows(step.output, output), said


def as_played(step: Step, haste: str) -> Step:
    """In the short form the host waits less long."""
    written = CONFIGURATION.match(step.command)
    more = f"cat >> {written[1]} <<'END'\n{haste}END\n" if written and not THOROUGH else ""
    command = without_musl(step.command) if MUSL in step.command else step.command
    return step._replace(command=command + more)


def turns(todo: list[tuple[bool, Step]]) -> Iterator[tuple[bool, list[Step]]]:
    """Each block of the host's by itself, and what is done at the desk in between together."""
    for root, steps in groupby(todo, key=lambda entry: entry[0]):
        found = [step for _, step in steps]
        yield from [(True, [step]) for step in found] if root else [(False, found)]


def line_of(page: Path, heading: str) -> int:
    lines = page.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(heading))


ASK = """
import http.client, sys
kept = http.client.HTTPConnection(sys.argv[1], timeout=30)
for line in sys.stdin:
    fresh = http.client.HTTPConnection(sys.argv[1], timeout=30)
    for connection in (kept, fresh):
        connection.request("GET", "/")
        print(connection.getresponse().read().decode(), flush=True)
    fresh.close()
"""
READ = """
import http.client, select, sys
while not select.select([sys.stdin], [], [], 0.003)[0]:
    connection = http.client.HTTPConnection(sys.argv[1], timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    print(answer.status, answer.read().decode().replace("\\n", " "))
    connection.close()
"""
LIVE = ("curl", "-s", "--unix-socket", "/srv/web/apps/web/live", "http://localhost/")


@dataclass
class Seen:
    """What those who use the service saw: what failed, and how often each release answered."""

    failed: list[object] = field(default_factory=list)
    releases: Counter[str] = field(default_factory=Counter)


@contextmanager
def people(desk: Desk, home: Path) -> Iterator[Seen]:
    """They call the service on port 80 all the time."""
    seen = Seen()
    with under_load(Deployer.at(desk.host, home, ACCOUNT)) as load:
        yield seen
    seen.failed += load.account.broken
    seen.releases.update(load.account.releases)


@contextmanager
def asked_before_and_after(desk: Desk) -> Iterator[None]:
    """At the end of the block, the front is done with the old release, on new connections and on one that it has had."""
    words = [*desk.host.network.prefix, sys.executable, "-c", ASK, desk.host.address]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write("\n")
        client.stdin.flush()
        before = {client.stdout.readline() for _ in range(2)}
        yield
        after, _ = client.communicate("\n" * 20, timeout=60)
    live = desk.host.run(*LIVE).stdout
    assert before != {f"{live}\n"}
    assert set(after.splitlines()) == {live}


@contextmanager
def jobs(desk: Desk, home: Path) -> Iterator[Seen]:
    """Somebody puts jobs into the worker's queue all the time. One fails that is done twice, or never."""
    seen = Seen()
    ending = threading.Event()
    queue = desk.host.root_path / "var/lib/private/worker"
    given: list[str] = []

    def give() -> None:
        while not ending.wait(0.02):
            name = f"{len(given):06}"
            (queue / name).touch()
            (queue / name).rename(queue / "new" / name)
            given.append(name)

    giver = threading.Thread(target=give)
    giver.start()
    try:
        yield seen
    finally:
        ending.set()
        giver.join()
    deadline = time.monotonic() + 30
    while any((queue / "new").iterdir()) or any((queue / "taken").iterdir()):
        assert time.monotonic() < deadline, "jobs are left"
        time.sleep(0.1)
    for name in given:
        done = queue / "done" / name
        lines = done.read_text().splitlines() if done.exists() else []
        seen.failed += [] if len(lines) == 1 else [(name, lines)]
        seen.releases.update(lines[:1])


@contextmanager
def visitors(desk: Desk) -> Iterator[Seen]:
    """They read the site's page all the time."""
    words = [*desk.host.network.prefix, sys.executable, "-c", READ, desk.host.address]
    seen = Seen()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        yield seen
        printed, _ = reader.communicate(timeout=60)
    for line in printed.splitlines():
        status, body = line.split(" ", 1)
        if status == "200" and (version := re.search(r"version \d", body)):
            seen.releases[version[0]] += 1
        else:
            seen.failed.append(line)


def named(recipes: tuple[Recipe, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "recipe", [pytest.param(recipe, id=recipe.name) for recipe in recipes], indirect=True
    )


@named(SLOTS)
def test_a_recipe_fails_no_request(recipe: Recipe, desk: Desk, tmp_path: Path) -> None:
    loaded = line_of(recipe.path, UNDER_LOAD)
    todo = steps(recipe.path)
    for root, step in todo:
        if step.line < loaded:
            play(desk, root, [step], recipe.path)
    with (jobs if recipe.name == "workers" else people)(desk, tmp_path / "other") as seen:
        time.sleep(1)
        *most, (root, last) = (entry for entry in todo if entry[1].line > loaded)
        for by_root, step in most:
            play(desk, by_root, [step], recipe.path)
        with nullcontext() if recipe.name == "workers" else asked_before_and_after(desk):
            play(desk, root, [last], recipe.path)
        time.sleep(1)
    assert seen.failed == []
    assert set(seen.releases) == {f"version {number}" for number in range(1, recipe.releases + 1)}
    assert min(seen.releases.values()) > 20, seen.releases


@named(SITES)
def test_nobody_sees_anything_but_a_whole_release_of_a_site(recipe: Recipe, desk: Desk) -> None:
    loaded = line_of(recipe.path, UNDER_LOAD)
    todo = steps(recipe.path)
    for root, group in turns([entry for entry in todo if entry[1].line < loaded]):
        play(desk, root, group, recipe.path, HASTE)
    with visitors(desk) as seen:
        for root, group in turns([entry for entry in todo if entry[1].line > loaded]):
            play(desk, root, group, recipe.path, HASTE)
    assert seen.failed == []
    assert set(seen.releases) == {"version 1", "version 2"}


@named(PLAIN)
def test_a_recipe_does_what_its_page_shows(recipe: Recipe, desk: Desk) -> None:
    for root, group in turns(steps(recipe.path)):
        play(desk, root, group, recipe.path, HASTE)
