"""The host side as its tests drive it: small stores, builds, releases, jobs, and a helper to run.

Kept, as the tests that use it, to Python 3.9 and to what a host has, so that they run wherever the
host side does.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Union

import pytest

import relstore
from relstore.formats import journal as journal_format
from relstore.formats.blake3 import digest as blake3
from relstore.formats.generation import Description
from relstore.formats.journal import Event, EventKind
from relstore.formats.manifest import Directory, Entry, File, Manifest, ObjectRef, Symlink
from relstore.formats.names import AppName, Digest
from relstore.host.helpers import INDEX, Bundle
from relstore.host.job.directory import Job
from relstore.store import journal, publish
from relstore.store.app import App, NewBuild
from relstore.store.store import Store
from relstore.store.upload import Upload

REPOSITORY = Path(__file__).resolve().parents[2]
WEB = AppName("web")
NOW = 1_790_000_000
SEALED = 0o555 if os.geteuid() == 0 else 0o755
"""The mode of a directory of a build that ``push_build`` made."""
DESCRIPTION = Description("me@desk", None, False, "")


class Program(NamedTuple):
    """An executable file of a build."""

    data: bytes


class Copied(NamedTuple):
    """A file of a build that has an inode of its own."""

    data: bytes
    executable: bool = False


class Link(NamedTuple):
    """A symlink of a build."""

    target: str


Content = Union[bytes, Program, Copied, Link, None]  # noqa: UP007 - evaluated, where Python 3.9 knows no |
"""What a path of a build is; None for a directory."""


class Artifact(NamedTuple):
    """A build as a client has it before anything is sent."""

    manifest: Manifest
    raw: bytes
    build: Digest
    data: dict[Digest, bytes]


def artifact(tree: Mapping[str, Content]) -> Artifact:
    """``tree`` by path; the directories above a path need not be named."""
    entries: dict[str, Entry] = {}
    data: dict[Digest, bytes] = {}
    for path, content in tree.items():
        above = path.rpartition("/")[0]
        while above:
            entries.setdefault(above, Directory(above))
            above = above.rpartition("/")[0]
        if content is None:
            entries[path] = Directory(path)
        elif isinstance(content, Link):
            entries[path] = Symlink(path, content.target)
        else:
            raw = content if isinstance(content, bytes) else content.data
            executable = isinstance(content, Program) or (isinstance(content, Copied) and content.executable)
            name = Digest.from_bytes(blake3(raw))
            data[name] = raw
            ref = ObjectRef(name, hashlib.sha256(raw).digest(), len(raw), executable)
            entries[path] = File(path, ref, isinstance(content, Copied))
    manifest = Manifest.from_entries(list(entries.values()))
    encoded = manifest.encode()
    return Artifact(manifest, encoded, Digest.from_bytes(blake3(encoded)), data)


def begin_upload(store: Store, made: Artifact) -> Upload:
    return Upload.begin(store, made.build, made.raw, made.manifest)


def push_build(store: Store, tree: Mapping[str, Content]) -> Digest:
    """Upload and publish ``tree`` as a session does."""
    made = artifact(tree)
    upload = begin_upload(store, made)
    for item in upload.missing():
        upload.put(item.content, item.offset, made.data[upload.contents[item.content].blake3][item.offset :])
    publish.publish(upload, publish.survey(upload))
    upload.close(done=True)
    if os.geteuid() != 0:
        unseal(Path(store.root.path) / "builds" / made.build)  # for tests that change a build by hand
    return made.build


def unseal(path: Path) -> None:
    """Let the owner write into all directories below ``path``, as into those of an older relstore's builds."""
    for directory, names, _ in os.walk(path):
        for name in names:
            below = os.path.join(directory, name)
            if not os.path.islink(below):
                os.chmod(below, stat.S_IMODE(os.stat(below).st_mode) | 0o200)


def remove_store(path: Path) -> None:
    """Remove a store, or what holds one, with its sealed directories."""
    unseal(path)
    shutil.rmtree(path)


def release(
    store: Store, tree: Mapping[str, Content], *, name: AppName = WEB, created: int = NOW, note: str = ""
) -> int:
    """Push ``tree`` and record a generation of it; its number."""
    build = push_build(store, tree)
    files = [content for content in tree.values() if isinstance(content, (bytes, Program, Copied))]
    size = sum(len(content if isinstance(content, bytes) else content.data) for content in files)
    store.make_app(name)
    with store.app(name) as app:
        description = DESCRIPTION._replace(note=note)
        return app.append(NewBuild(build, size, len(files)), description, created).number


def record(
    store: Store,
    number: int,
    event: EventKind,
    *,
    previous: int = 0,
    name: AppName = WEB,
    when: int = NOW,
) -> None:
    """Write an event into the journal; ``active`` also moves the link."""
    with store.app(name) as app:
        if event == journal_format.ACTIVE:
            app.switch(number)
        journal.append(app.directory, Event(when, event, number, previous, "", "me@desk", ""))


def go_live(store: Store, tree: Mapping[str, Content], *, name: AppName = WEB, created: int = NOW) -> int:
    """Release ``tree`` and make it current, as an activation that went well leaves it."""
    number = release(store, tree, name=name, created=created)
    record(store, number, journal_format.ACTIVE, name=name, when=created)
    return number


def build_of(store: Store, number: int, name: AppName = WEB) -> Digest:
    with store.app(name) as app:
        return app.generations()[number - 1].build


def outcomes(app: App) -> list[tuple[str, int]]:
    """The journal, as (event, generation)."""
    return [(event.event, event.generation) for event in app.events()]


# --- the helper as a program --------------------------------------------------------------------


def write_bundle(directory: Path) -> Bundle:
    """The host side of this checkout in one zip, as a client would send it."""
    ours = Path(relstore.__file__).parent
    files = {"__main__.py": b"from relstore.remote_helper import main\n\nraise SystemExit(main())\n"}
    for name in relstore.HOST_MODULES:
        files[f"relstore/{name}.py"] = (ours / f"{name}.py").read_bytes()
    for package in relstore.HOST_PACKAGES:
        for source in (ours / package).rglob("*.py"):
            files[f"relstore/{source.relative_to(ours)}"] = source.read_bytes()
    for source in (ours / "vendored").rglob("*.py"):
        files[str(source.relative_to(ours / "vendored"))] = source.read_bytes()
    files[INDEX] = "".join(f"{name}\n" for name in sorted([*files, INDEX])).encode()
    path = directory / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return Bundle(hashlib.sha256(path.read_bytes()).hexdigest(), str(path))


def run_job(helper: str, store: Path, job: Job, lock: int, *, prefix: Sequence[str] = ()) -> int:
    """Run a job's process to its end, which closes ``lock``; its exit code."""
    with started_job(helper, store, job, lock, prefix=prefix) as process:
        return process.wait(timeout=60)


@contextmanager
def started_job(
    helper: str, store: Path, job: Job, lock: int, *, prefix: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A job's process as ``host.job.start`` starts it, but one that the test can wait for and kill."""
    log = os.open("log", os.O_RDWR | os.O_APPEND, dir_fd=job.directory.fd)
    try:
        process = subprocess.Popen(
            [*prefix, sys.executable, "-I", "-S", "-X", "utf8", helper, "job", str(store), WEB, job.id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            cwd="/",
        )
    finally:
        os.close(log)
        os.close(lock)
    with process:
        try:
            yield process
        finally:
            process.kill()


# --- killing a process before its Nth call of the system -----------------------------------------


def need_strace() -> None:
    """Skip where there is no strace; fail instead where RELSTORE_REQUIRE_SSHD says that nothing may be."""
    if shutil.which("strace") is None:
        if os.environ.get("RELSTORE_REQUIRE_SSHD") == "1":
            pytest.fail("no strace here (Debian: strace)")
        pytest.skip("no strace here (Debian: strace)")


def strace(call: str, fault: str, log: Path = Path("/dev/null")) -> list[str]:
    """A prefix that runs a program with ``fault`` (``signal=KILL:when=3``) in its own calls of ``call``."""
    # Without -f its children are left alone. --seccomp-bpf would be faster, but then no signal arrives.
    return ["strace", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]


def copy_store(source: Path, target: Path) -> Path:
    """A copy with its hard links and times."""
    if target.exists():
        remove_store(target)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def program(code: str, *arguments: object) -> list[str]:
    """Run ``code`` as a host runs the helper, with relstore to import; ``arguments`` from ``sys.argv[1]`` on."""
    path = [str(REPOSITORY), str(Path(relstore.__file__).parent / "vendored")]
    head = f"import sys; sys.path[:0] = {path!r}\n"
    return [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", head + code, *map(str, arguments)]


def snapshot(top: Path) -> dict[str, Any]:
    """Every path below ``top`` with what it is, for "nothing was changed"."""
    found: dict[str, Any] = {}
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif name in files:
                found[path] = Path(path).read_bytes()
            else:
                found[path] = None
    return found
