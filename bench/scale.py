"""A growing store: what planning, sweeping, checking, reading and pushing cost, and the peers' collectors.

The program creates stores with a given number of objects, 200 to a build and 25 builds to an app, and runs
relstore's commands on them as a person would. For comparison, ``nix-collect-garbage``, ``ostree prune`` and
``rm -rf`` remove all but the last five releases of the same trees. ``--write`` makes docs/scale.md. Not for
transfers (``python -m bench``). A peer that is not installed is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from relstore.formats import journal as journal_format
from relstore.formats.generation import Description
from relstore.formats.journal import Event
from relstore.formats.manifest import File, Manifest, ObjectRef
from relstore.formats.names import AppName, Digest
from relstore.store import journal
from relstore.store.app import NewBuild
from relstore.store.builds import MANIFEST_NAME, TREE_NAME
from relstore.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
FILES = 200
"""Files in one build, all different."""
RELEASES = 25
"""Releases of one app."""
KEEP = 5
SIZES = (10_000, 100_000, 1_000_000)


class Taken(NamedTuple):
    """What one command took."""

    seconds: float
    memory: int
    """Peak memory of its largest process, in bytes."""


class Line(NamedTuple):
    """What was done, by whom, on how many objects."""

    work: str
    tool: str
    objects: int
    taken: Taken


def content(app: int, release: int, file: int) -> bytes:
    """About 100 bytes, different for every file."""
    return f"file {file} of release {release} of app {app}\n".encode() + b"." * 64


def make_store(top: Path, objects: int) -> None:
    """Make a store as pushes would have left it, but without pushing, which would take hours."""
    with Store.open(str(top), create=True) as store:
        for app in range(objects // FILES // RELEASES):
            name = AppName(f"app-{app:03}")
            store.make_app(name)
            with store.app(name) as opened:
                for release in range(RELEASES):
                    build = _make_build(top, app, release)
                    new = NewBuild(build, 100 * FILES, FILES)
                    number = opened.append(new, Description("me@desk", None, False, ""), 1_790_000_000).number
                    opened.switch(number)
                    event = Event(1_790_000_000, journal_format.ACTIVE, number, number - 1, "", "me@desk", "")
                    journal.append(opened.directory, event)


def _make_build(top: Path, app: int, release: int) -> Digest:
    entries = []
    scratch = top / "staging" / "scale" / TREE_NAME
    scratch.mkdir(parents=True)
    for file in range(FILES):
        data = content(app, release, file)
        name = Digest(blake3(data).hexdigest())
        shelf = top / "objects" / name[:2]
        shelf.mkdir(exist_ok=True)
        place = shelf / name
        place.write_bytes(data)
        place.chmod(0o444)
        os.link(place, scratch / f"{file:03}")
        sha256 = hashlib.sha256(data).digest()
        entries.append(File(f"{file:03}", ObjectRef(name, sha256, len(data), False)))
    raw = Manifest.from_entries(entries).encode()
    build = Digest(blake3(raw).hexdigest())
    (scratch.parent / MANIFEST_NAME).write_bytes(raw)
    (scratch.parent / MANIFEST_NAME).chmod(0o444)
    scratch.parent.rename(top / "builds" / build)
    return build


def run(words: Sequence[str], **more: str) -> Taken:
    """Run a command to its end; it must succeed."""
    began = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, **more})
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words}: ended with {os.waitstatus_to_exitcode(status)}")
    return Taken(time.monotonic() - began, used.ru_maxrss * 1024)


def relstore(directory: Path, objects: int) -> Iterator[Line]:
    """Run relstore's commands; the collection comes last."""
    top, home = directory / "store", directory / "home"
    home.mkdir()
    make_store(top, objects)
    artifact = directory / "artifact"
    artifact.mkdir()
    (artifact / "file").write_text("new")

    def ask(work: str, *words: object) -> Line:
        program = (sys.executable, "-m", "relstore", *map(str, words), "--to", str(top), "-q")
        return Line(work, "relstore", objects, run(program, HOME=str(home)))

    app = ("--app", "app-000")
    ask("warm", "status", *app)
    yield ask("status", "status", *app)
    yield ask("list-generations", "list-generations", *app)
    yield ask("push of one file", "push", artifact, *app)
    yield ask("the same push again", "push", artifact, *app)
    yield ask("verify", "verify")
    yield ask("gc, the plan", "gc", "--all-apps", "--keep", KEEP, "--dry-run")
    yield ask("gc", "gc", "--all-apps", "--keep", KEEP)
    yield ask("gc, nothing to do", "gc", "--all-apps", "--keep", KEEP)


def trees(directory: Path, objects: int) -> Iterator[tuple[Path, bool]]:
    """The same releases as plain directories, each with whether to keep it."""
    for app in range(objects // FILES // RELEASES):
        for release in range(RELEASES):
            place = directory / "apps" / f"app-{app:03}" / f"{release:02}"
            place.mkdir(parents=True)
            for file in range(FILES):
                (place / f"{file:03}").write_bytes(content(app, release, file))
            yield place, release >= RELEASES - KEEP


def capistrano(directory: Path, objects: int) -> Iterator[Line]:
    """Capistrano's cleanup: ``rm -rf`` of the old releases of each app."""
    old = [str(place) for place, keep in trees(directory, objects) if not keep]
    step = ["sh", "-c", 'printf "%s\\0" "$@" | xargs -0 rm -rf', "sh", *old]
    yield Line("gc", "rm -rf", objects, run(step))


def nix(directory: Path, objects: int) -> Iterator[Line]:
    """A separate Nix store; each path is added by ``nix-store --add``, and the kept ones are roots."""
    root = directory / "nix"
    where = {"NIX_STORE_DIR": f"{root}/store", "NIX_STATE_DIR": f"{root}/var", "NIX_LOG_DIR": f"{root}/log",
             "NIX_CONF_DIR": f"{root}/etc", "NIX_REMOTE": ""}  # fmt: skip
    roots = root / "var" / "gcroots"
    roots.mkdir(parents=True)
    for place, keep in trees(directory, objects):
        added = subprocess.run(
            ["nix-store", "--add", str(place)],
            env={**os.environ, **where},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        if keep:
            (roots / f"{place.parent.name}-{place.name}").symlink_to(added.stdout.strip())
        shutil.rmtree(place)
    yield Line("gc", "nix-collect-garbage", objects, run(["nix-collect-garbage", "--quiet"], **where))


def ostree(directory: Path, objects: int) -> Iterator[Line]:
    """A repository; each release is a commit of its app's branch."""
    repo = f"--repo={directory}/repo"
    subprocess.run(["ostree", "init", repo, "--mode=bare-user"], check=True)
    for place, _ in trees(directory, objects):
        words = ["ostree", "commit", repo, f"--branch={place.parent.name}", str(place), "--fsync=false"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(place)
    words = ["ostree", "prune", repo, "--refs-only", f"--depth={KEEP - 1}"]
    yield Line("gc", "ostree prune", objects, run(words))


_ANY = 2**63
_BY_THE_PROCESS = 100_000
"""Above this, adding each release by a process of its own takes too long; ``--tool`` forces it."""

TOOLS: tuple[tuple[str, Callable[[Path, int], Iterator[Line]], int], ...] = (
    ("python3", relstore, _ANY),
    ("rm", capistrano, _ANY),
    ("nix-collect-garbage", nix, _BY_THE_PROCESS),
    ("ostree", ostree, _BY_THE_PROCESS),
)
"""The program, the function that runs it, and the largest number of objects to run it with."""


def table(lines: Sequence[Line]) -> str:
    """One row for each task and tool, one column for each size."""
    sizes = sorted({line.objects for line in lines})
    rows = ["| work | tool | " + " | ".join(f"{size:,} objects" for size in sizes) + " |"]
    rows.append("| --- | --- |" + " --- |" * len(sizes))
    for work, tool in dict.fromkeys((line.work, line.tool) for line in lines):
        found = {line.objects: line.taken for line in lines if (line.work, line.tool) == (work, tool)}
        cells = [
            f"{found[size].seconds:.2f} s, {found[size].memory / 2**20:.0f} MiB" if size in found else "-"
            for size in sizes
        ]
        rows.append(f"| {work} | {tool} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


PAGE = f"""# Scale

`python -m bench.scale --write` makes this page from one store with builds of {FILES} files and {RELEASES}
releases of each app, with all files different. The collection removes all but the last {KEEP} releases of
each app. Times are of whole commands, on one machine, measured once each; memory is that of the largest
process. The peers collect the same trees. Nix and OSTree, which receive each release from a separate
process, are measured up to 100,000 files.

Commands about one app do not get slower as the store grows. Planning, sweeping and checking grow in
proportion to it. A file of a release has two names in a store, one in the build and one among the objects,
so a collection removes twice as many names as `rm -rf`. Before that, it examines each of them, to say
exactly how much will be freed. The collector's memory is about 100 bytes for each file that is removed.

"""


GROWTH = "## A long history\n"
"""What follows in the page is made by ``bench.growth``."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--objects", type=int, action="append", help="default: 10,000, 100,000 and 1,000,000")
    parser.add_argument("--tool", action="append", choices=[tool.__name__ for _, tool, _ in TOOLS])
    parser.add_argument("--write", action="store_true", help="write docs/scale.md")
    chosen = parser.parse_args()
    lines: list[Line] = []
    for objects in chosen.objects or SIZES:
        for program, tool, most in TOOLS:
            wanted = tool.__name__ in chosen.tool if chosen.tool else objects <= most
            if not wanted or not shutil.which(program):
                continue
            with tempfile.TemporaryDirectory(prefix="relstore-scale-") as directory:
                for line in tool(Path(directory), objects):
                    print(*line, flush=True)
                    lines.append(line)
                subprocess.run(["chmod", "-R", "u+w", directory], check=True)
    print(table(lines))
    if chosen.write:
        page = ROOT / "docs" / "scale.md"
        _, found, growth = page.read_text().partition(GROWTH)
        page.write_text(PAGE + table(lines) + "\n" + (f"\n{found}{growth}" if found else ""))
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    sys.exit(main())
