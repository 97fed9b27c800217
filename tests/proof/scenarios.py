"""What the proofs interrupt: a push, a switch, a recovery, a collection and a repair, as the host runs them.

Each starts from a store on disk and is a program of its own. ``acknowledged`` says whether it reported success;
``promised`` checks what must be true then, and ``lasting`` what must be true at any time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from relstore import protocol
from relstore.errors import RelstoreError
from relstore.formats import journal
from relstore.formats.command import Command
from relstore.formats.journal import Event
from relstore.formats.recipe import Recipe
from relstore.formats.retention import Policy
from relstore.host import helpers
from relstore.host.job import directory as jobs
from relstore.host.job.values import DONE, JobRequest
from relstore.protocol import Collect
from relstore.protocol.conversation import Incoming
from relstore.store import journal as store_journal
from relstore.store import memory
from relstore.store.store import Store
from tests.support.conversation import Client
from tests.support.host_side import (
    WEB,
    Artifact,
    Content,
    Copied,
    Program,
    artifact,
    begin_upload,
    build_of,
    copy_store,
    go_live,
    program,
    push_build,
    record,
    release,
    write_bundle,
)
from tests.support.host_state import problems
from tests.support.jobs_by_hand import leave_half_done

SESSION = """
from relstore.host.helpers import Bundle
from relstore.host.session import RequestServer
from relstore.host.connection import Wire
with open(sys.argv[4], "rb") as source:
    RequestServer(sys.argv[1], Bundle(sys.argv[2], sys.argv[3]), Wire(source, sys.stdout.buffer)).run()
"""
TIMEOUT_S = 180
NEW: dict[str, Content] = {
    "version": b"3",
    "shared": b"in both",
    "deep/program": Program(b"new"),
    "deep/copy": Copied(b"copy"),
    "empty": b"",
}
_NO_RESTART = Recipe()
KEEP_ONE = Collect(None, Policy(1, None), None, "me@desk", False)


@dataclass(frozen=True)
class Kit:
    """What all scenarios share: the helper, bundled and unpacked."""

    bundle: helpers.Bundle
    unpacked: str

    @classmethod
    def make(cls, directory: Path) -> Kit:
        bundle = write_bundle(directory)
        with Store.open(str(directory / "helper"), create=True) as store:
            return cls(bundle, helpers.install(store.root, bundle, store.durability))


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    out: bytes
    err: str


Run = Callable[[Path, Sequence[str]], Ended]
"""Runs the scenario in a store, with a prefix to its command line."""


@dataclass(frozen=True)
class Scenario:
    """One of the operations of a host."""

    name: str
    prepare: Callable[[Path], None]
    run: Run
    acknowledged: Callable[[Path, Ended], bool]
    promised: Callable[[Path], Iterator[str]]
    damaged_before: bool = False
    """Whether the store is damaged at the start."""
    errors_last: bool = False
    """Whether it is also tried with every later call of the same kind failing too."""
    whatever_fails: Callable[[Path], Iterator[str]] = lambda _: iter(())
    """What must be true after it when calls failed, but not those that move the link."""
    alone: bool = False
    """Whether it must run alone, because processes that use the same builds in other stores affect it."""

    def __str__(self) -> str:
        return self.name

    def lasting(self, top: Path) -> Iterator[str]:
        """What is wrong with the store, at whatever time it is checked."""
        live = top / "apps" / WEB / "current" / "version"
        try:
            if live.read_bytes() not in (b"1", b"2", b"3"):
                yield f"current has {live.read_bytes()!r}"
        except OSError as error:
            yield f"current does not resolve: {error}"
        found = [] if self.damaged_before else problems(top)
        yield from found[:3]


def scenarios(kit: Kit, directory: Path) -> list[Scenario]:
    """All scenarios. ``directory``: for the files with their input."""

    said = partial(session, kit, directory)
    return [
        Scenario("push", two, said("push", push_of(NEW)), published, partial(pushed, NEW)),
        Scenario("switch", two, partial(job, kit, 2), partial(is_active, 2), partial(switched, 2)),
        Scenario(
            "switch, long history", _eventful, partial(job, kit, 2), partial(is_active, 2), partial(switched, 2),
        ),
        Scenario(
            "way back", two, partial(job, kit, 2, recipe=_FAILS), _went_back,
            partial(_is_back, 2), errors_last=True, whatever_fails=partial(_is_back, 0),
        ),
        Scenario("recovery", _half_done, partial(_recover, kit), _went_well, _resolved),
        Scenario(
            "gc", _full, said("gc", Client().say(KEEP_ONE)),
            partial(answered, protocol.Collected), _collected, alone=True,
        ),
        Scenario(
            "verify --repair", _damaged, said("repair", Client().say(protocol.Verify(True))),
            partial(answered, protocol.Verified), _repaired, damaged_before=True,
        ),
    ]  # fmt: skip


def session(kit: Kit, directory: Path, name: str, client: Client) -> Run:
    """A session in which the client sends its script, whatever the answers are."""
    said = directory / f"{name}.said"
    said.write_bytes(client.bytes)

    def run(top: Path, prefix: Sequence[str]) -> Ended:
        words = [*prefix, *program(SESSION, top, kit.bundle.digest, kit.bundle.path, said)]
        return _ended(subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False))

    return run


def answered(kind: type, top: Path, ended: Ended) -> bool:
    """Whether a message of this kind came back."""
    return any(isinstance(message, kind) for message in _messages(ended.out))


def published(top: Path, ended: Ended) -> bool:
    """Whether a push received the number of its generation."""
    return any(isinstance(one, protocol.Published) and one.number for one in _messages(ended.out))


def copy(source: Path, target: Path) -> Path:
    """Copy a store, for one case."""
    target.mkdir(exist_ok=True)
    return copy_store(source, target / "store")


# --- push -----------------------------------------------------------------------------------------


def two(top: Path) -> None:
    with Store.open(str(top), create=True) as store:
        go_live(store, {"version": b"1", "shared": b"in both"})
        release(store, {"version": b"2", "shared": b"in both"})


def _eventful(top: Path) -> None:
    """So much has happened that whoever reads it writes a checkpoint."""
    two(top)
    with Store.open(str(top)) as store, store.app(WEB) as app:
        word = Event(1, journal.MARKED_GOOD, 1, 0, "", "me@desk", "")
        store_journal.append(app.directory, *[word] * 2 * memory.EVERY)


def push_of(tree: Mapping[str, Content]) -> Client:
    """What a client sends to push all of ``tree``."""
    made = artifact(tree)
    everything = range(len({ref.blake3 for ref in made.manifest.objects()}))
    return _upload_of(made, everything).say(protocol.Publish(WEB, "me@desk", None, False, ""))


def heal_of(tree: Mapping[str, Content], wanted: Collection[int]) -> Client:
    """What a client sends to restore the build of ``tree``, of which the host wants these contents."""
    return _upload_of(artifact(tree), wanted).say(protocol.Restore())


def _upload_of(made: Artifact, wanted: Collection[int]) -> Client:
    """Compare the build and send some of its contents."""
    client = Client().say(protocol.Compare(WEB, made.build, False), made.raw).say(protocol.Begin())
    for index, ref in enumerate(dict.fromkeys(ref.blake3 for ref in made.manifest.objects())):
        if index in wanted:
            data = made.data[ref]
            client.say(protocol.Open("raw", None, (protocol.Segment(index, 0, len(data)),)))
            client.say(protocol.Put(), data)
    return client


def pushed(tree: Mapping[str, Content], top: Path) -> Iterator[str]:
    """What must be true after it."""
    build = artifact(tree).build
    with Store.open(str(top)) as store, store.app(WEB) as app:
        numbers = {one.number for one in app.generations() if one.build == build}
        if not numbers & set(app.linked()) or store.builds.check(build):
            yield "the generation that was acknowledged is not there"


# --- switch and recovery --------------------------------------------------------------------------


_FAILS = Recipe(restart=Command(("sh", "-c", 'test "$RELSTORE_GENERATION" = 1'), 20))
"""Generation 2 does not start."""


def job(
    kit: Kit, generation: int, top: Path, prefix: Sequence[str], *, recipe: Recipe = _NO_RESTART
) -> Ended:
    """Run the process of an activation, started as a session does it."""
    with Store.open(str(top)) as store, store.app(WEB) as app:
        with store.shared():
            if generation not in app.linked():
                return Ended(1, b"", f"generation {generation} was deleted")
            now = time.time_ns()
            request = JobRequest(generation, "me@desk", now // 10**9, recipe)
            made, lock = jobs.create(app, request, now % 10**9 // 1000)
        log = os.open("log", os.O_RDWR | os.O_APPEND, dir_fd=made.directory.fd)
        words = [*prefix, *_helper(kit, "job", str(top), WEB, made.id)]
        try:
            ended = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.PIPE, pass_fds=(lock,),
                cwd="/", timeout=TIMEOUT_S, check=False,
            )  # fmt: skip
            text = os.pread(log, 100_000, 0).decode("utf-8", "replace")  # by descriptor: its name may be gone
        finally:
            os.close(log)
            os.close(lock)
            made.close()
    return Ended(ended.returncode, b"", ended.stderr.decode() + text)


def is_active(generation: int, top: Path, ended: Ended) -> bool:
    """Whether the job's last state is that it succeeded."""
    with Store.open(str(top)) as store, store.app(WEB) as app:
        try:
            with contextlib.closing(jobs.open_job(app, None)) as newest:
                if newest.request().generation != generation:
                    return False
                # With the step "recording", the outcome in the state is still to be recorded
                # (docs/formats/job.md), and whoever watches is told that the job died.
                return newest.state().outcome == journal.ACTIVE and newest.state().step == DONE
        except RelstoreError:
            return False  # it reported no success, or never started


def switched(generation: int, top: Path) -> Iterator[str]:
    """What must be true after it."""
    with Store.open(str(top)) as store, store.app(WEB) as app:
        if app.current() != generation:
            yield f"{app.current()} is current, not {generation}"
        if (app.events()[-1].event, app.events()[-1].generation) != (journal.ACTIVE, generation):
            yield f"the last event is {app.events()[-1]}"


def _went_back(top: Path, ended: Ended) -> bool:
    """Whether the job's last word is that it went back."""
    with Store.open(str(top)) as store, store.app(WEB) as app:
        try:
            with contextlib.closing(jobs.open_job(app, None)) as newest:
                return newest.state().outcome == journal.ROLLED_BACK and newest.state().step == DONE
        except RelstoreError:
            return False


def _is_back(recorded: int, top: Path) -> Iterator[str]:
    """The link is on generation 1, and that ``recorded`` failed is in the journal, unless that is 0."""
    with Store.open(str(top)) as store, store.app(WEB) as app:
        if app.current() != 1:
            yield f"{app.current()} is current after generation 2 failed"
        if recorded and (journal.ROLLED_BACK, recorded) not in [
            (event.event, event.generation) for event in app.events()
        ]:
            yield f"the last event is {app.events()[-1]}"


def _half_done(top: Path) -> None:
    two(top)
    with Store.open(str(top)) as store, store.app(WEB) as app:
        leave_half_done(app, 2, "true", step="restarting", switched=True).close()


def _recover(kit: Kit, top: Path, prefix: Sequence[str]) -> Ended:
    words = [*prefix, *_helper(kit, "recover", str(top))]
    ended = _ended(subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False))
    # A recovery goes on with the log of the dead job, which is where it tells of a state that it could not
    # write: after the switch that does not end it (docs/promises.md, P2). It is read as a file: a neighbour may
    # have swapped any part of the store.
    with contextlib.suppress(OSError):
        for log in sorted((top / "apps" / WEB / "jobs").glob("*/log"))[-1:]:
            return replace(ended, err=ended.err + log.read_text(errors="replace"))
    return ended


def _went_well(top: Path, ended: Ended) -> bool:
    return ended.code == 0


def _resolved(top: Path) -> Iterator[str]:
    with Store.open(str(top)) as store, store.app(WEB) as app:
        if app.unresolved() is not None:
            yield "the dead job is not resolved"
        if app.current() != 2:
            yield f"{app.current()} is current, although generation 2 is healthy"


# --- collection and repair ------------------------------------------------------------------------


def _full(top: Path) -> None:
    """All kinds of things to collect: generations, objects, leases, staging, trash."""
    with Store.open(str(top), create=True) as store:
        for text in (b"1", b"1", b"2"):
            go_live(
                store,
                {
                    "shared": b"in all",
                    "version": text,
                    "deep/program": Program(text),
                    "deep/copy": Copied(b"copy"),
                    "empty": b"",
                },
            )
        record(store, release(store, {"broken": b"4"}), journal.FAILED)
        go_live(store, {"shared": b"in all", "version": b"3"})
        upload = begin_upload(store, artifact({"never": b"arrived"}))
        upload.put(0, 0, b"arr")
        upload.close(done=False)
        os.utime(top / "staging" / upload.build, (1, 1))
        (top / "leases" / upload.build).write_bytes(upload.raw_manifest)
        orphan = push_build(store, {"no": b"generation"})
        os.rename(top / "builds" / orphan, top / "trash" / f"{orphan}.0123abcd")
    for shard in (top / "objects").iterdir():
        with contextlib.suppress(OSError):
            shard.rmdir()  # recreated when needed; each one is slow under strace


def _collected(top: Path) -> Iterator[str]:
    with Store.open(str(top)) as store:
        if len(store.builds.ids()) != 2:
            yield f"{len(store.builds.ids())} builds are left, not 2"
        with store.app(WEB) as app:
            if app.linked() != [3, 5]:
                yield f"the generations {app.linked()} are left"
    for area in ("trash", "leases"):
        for left in (top / area).iterdir():
            yield f"{left} is left"


def _damaged(top: Path) -> None:
    """Damage a shared file and a symlink, remove a directory, and add a file."""
    tree: dict[str, Content] = {
        "version": b"1",
        "etc/conf": b"port = 80\n",
        "etc/deep/er": b"deep\n",
        "etc/copy": Copied(b"copy\n"),
        "empty": b"",
    }
    with Store.open(str(top), create=True) as store:
        go_live(store, tree)
        build = build_of(store, 1)
    place = top / "builds" / build / "tree"
    (place / "etc/conf").unlink()
    (place / "etc/conf").write_bytes(b"rotten....")
    (place / "etc/conf").chmod(0o444)
    shutil.rmtree(place / "etc/deep")
    (place / "etc/copy").unlink()
    (place / "added").write_text("by hand")
    links = top / "apps" / WEB / "generations"
    (links / "1").unlink()
    (links / "1").symlink_to(f"../../../builds/./{build}/tree")


def _repaired(top: Path) -> Iterator[str]:
    # The file that somebody added is named and left alone; all else is repaired.
    added = [problem for problem in problems(top) if "/tree/added: " in problem]
    if len(added) != 1:
        yield f"the added file is gone or not named: {added}"
    yield from (problem for problem in problems(top) if problem not in added)


# --- programs that are wrong on purpose -----------------------------------------------------------


def run_code(code: str, top: Path, prefix: Sequence[str]) -> Ended:
    """Run ``code`` with the app's directory as its argument."""
    words = [*prefix, *program(code, top / "apps" / WEB)]
    return _ended(subprocess.run(words, capture_output=True, timeout=TIMEOUT_S, check=False))


def said_done(top: Path, ended: Ended) -> bool:
    """Whether the program reported that it is done."""
    return b"done" in ended.out


# --- tools ----------------------------------------------------------------------------------------


def _helper(kit: Kit, *words: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-X", "utf8", kit.unpacked, *words]


def _ended(process: subprocess.CompletedProcess[bytes]) -> Ended:
    return Ended(process.returncode, process.stdout, process.stderr.decode("utf-8", "replace"))


def _messages(out: bytes) -> list[object]:
    """The complete messages that the session answered, without their bodies."""
    incoming = Incoming((*protocol.REPLIES, *protocol.EVENTS))
    incoming.feed(out)
    found = []
    while (message := incoming.next_message()) is not None:
        found.append(message.value)
    return found
