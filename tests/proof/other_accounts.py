"""P1, P4, P5: what other accounts of the host do beside a store: lock it, leave files in it, and run its builds unseen.

Needs root, to be several accounts. Not for what they change in files that they may write: neighbour.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from relstore import protocol
from relstore.store.store import Store
from tests.proof.scenarios import (
    KEEP_ONE,
    NEW,
    TIMEOUT_S,
    Kit,
    Scenario,
    answered,
    copy,
    published,
    push_of,
    run_code,
    said_done,
    scenarios,
    session,
)
from tests.proof.tally import Tally, some, try_all
from tests.support.conversation import Client
from tests.support.host_side import build_of, go_live, program
from tests.support.host_state import problems
from tests.support.hosts.sshd import public_directory

LOCK_ALL = """
import fcntl, os, resource, time
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
locked = {}
ready = False
while True:
    for directory, names, files in os.walk(sys.argv[1]):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            try:
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                key = os.fstat(fd).st_dev, os.fstat(fd).st_ino
                if key in locked:
                    os.close(fd)
                    continue
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked[key] = fd
            except OSError:
                pass
    if not ready:
        print(len(locked), flush=True)
        ready = True
    time.sleep(0.01)
"""

CARELESS_LOCK = """
import fcntl, os, signal
signal.alarm(5)
fcntl.flock(os.open("current/version", os.O_RDONLY), fcntl.LOCK_EX)
os.write(1, b"done")
"""

COLLECT = """
from relstore.formats.retention import Policy
from relstore.gc import processes, roots
from relstore.host.requests import collecting
from relstore.protocol import Collect
from relstore.store.store import Store
if sys.argv[2] == "careless":
    roots.builds_in_use = lambda: processes.builds_in_use()._replace(hidden=False)
with Store.open(sys.argv[1]) as store:
    collecting.collect(store, Collect(None, Policy(1, None), None, "me", False))
print("done")
"""

HIDDEN = """
mount -t proc -o "$1" proc /proc || exit 9
cd "$2" || exit 9
sh -c "sleep 100; true" "${2%%/builds/*}/apps/web/current/bin/web" &
cd / && shift 2 && exec "$@"
"""
"""In namespaces of its own: /proc hides the processes of others, and root's service runs in a directory."""


def missing() -> str:
    """Why this proof cannot run here, or an empty text."""
    if os.geteuid() != 0:
        return "only root can be several accounts"
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        return "there is no setpriv or no unshare (util-linux)"
    return ""


def prove(directory: Path, most: int | None) -> Iterator[Tally]:
    """``most``: the most cases of each kind."""
    with public_directory() as public:
        kit = Kit.make(public)
        yield _locked(kit, public, most)
        yield _strangers(kit, public, most)
        yield _unseen(public)


# --- locks ----------------------------------------------------------------------------------------


def _locked(kit: Kit, public: Path, most: int | None) -> Tally:
    tally = Tally("every file that another account can open is locked")
    tried = scenarios(kit, public)
    try_all(tally, list(some(tried, most)), _try_locked, public / "locked")
    careless = Scenario(
        "a lock on a file that all may read",
        tried[0].prepare,
        partial(run_code, CARELESS_LOCK),
        said_done,
        lambda top: iter(()),
    )
    place = public / "careless"
    place.mkdir()
    tally.control(careless.name, list(_try_locked(careless, place)))
    return tally


def _try_locked(scenario: Scenario, place: Path) -> Iterator[str]:
    top = place / "store"
    scenario.prepare(top)
    words = [*_as("nobody"), *program(LOCK_ALL, top)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        if int(locker.stdout.readline()) < 10:
            yield "the other account could lock next to nothing"
        try:
            ended = scenario.run(top, ())
        except subprocess.TimeoutExpired:
            yield f"it does not end within {TIMEOUT_S} s"
            return
        finally:
            locker.kill()
    if not scenario.acknowledged(top, ended):
        yield f"it fails: {ended.code} {ended.out[-200:]!r} {ended.err[-300:]}"
        return
    if not scenario.alone:  # a collection keeps what another process has open, which here is everything
        yield from scenario.promised(top)
    yield from scenario.lasting(top)


# --- files ----------------------------------------------------------------------------------------


class Stranger(NamedTuple):
    """Something of root's in a store of another account, at ``path``, where ``*`` is the build to collect."""

    path: str
    kind: str
    scenario: Scenario
    base: Path

    def __str__(self) -> str:
        return f"{self.scenario.name}, root's {self.kind} at {self.path}"

    @property
    def may_be_an_app(self) -> bool:
        """Whether it may be an app that cannot be read, so that nothing may be removed (P4)."""
        return self.path == "apps/stranger" and self.kind == "directory"

    @property
    def may_be_a_pin(self) -> bool:
        """Whether it may be a pin that cannot be read, so that nothing of this app may be removed."""
        return self.path.startswith("apps/web/pins/")


_PLACES = (
    "stranger", "apps/stranger", "apps/web/stranger", "apps/web/generations/stranger", "apps/web/generations/99",
    "apps/web/jobs/stranger", "apps/web/pins/stranger", "builds/stranger", f"builds/{'ab' * 32}", "builds/*/stranger",
    "builds/*/tree/stranger", "builds/*/tree/deep/stranger", "objects/stranger", "objects/00/stranger",
    f"leases/{'cd' * 32}", "leases/stranger", f"staging/{'cd' * 32}", "staging/stranger", "trash/stranger",
    "helpers/stranger", f"helpers/{'ef' * 32}",
)  # fmt: skip
_KINDS = ("file", "directory", "link", "pipe")


def _strangers(kit: Kit, public: Path, most: int | None) -> Tally:
    tally = Tally("root's files in a store of another account")
    base = public / "base"
    said = partial(session, kit, public)
    with Store.open(str(base), create=True) as store:
        for text in (b"1", b"2", b"3"):
            go_live(store, {"version": text, "deep/shared": b"in all"})
    push = Scenario("push", lambda top: None, said("push", push_of(NEW)), published, lambda top: iter(()))
    gc = Scenario(
        "gc", lambda top: None, said("gc", Client().say(KEEP_ONE)),
        partial(answered, protocol.Collected), lambda top: iter(()),
    )  # fmt: skip
    cases = [
        Stranger(path, kind, scenario, base) for path in _PLACES for kind in _KINDS for scenario in (push, gc)
    ]
    # One at a time: to look at a store of another account, the whole process becomes that account.
    try_all(tally, list(some(cases, most)), _try_stranger, public / "strangers", workers=1)
    return tally


def _try_stranger(stranger: Stranger, place: Path) -> Iterator[str]:
    top = copy(stranger.base, place)
    with Store.open(str(top)) as store:
        old = build_of(store, 1)
    nobody = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", "-h", f"{nobody.pw_uid}:{nobody.pw_gid}", str(top)], check=True)
    path = top / stranger.path.replace("*", old)
    path.parent.mkdir(mode=0o755, exist_ok=True)
    _plant(path, stranger.kind)
    removing = stranger.scenario.name == "gc"
    refused = removing and stranger.may_be_an_app
    named = refused or (removing and stranger.may_be_a_pin)
    for turn in ("first", "second"):
        ended = stranger.scenario.run(top, _as("nobody"))
        if "Traceback" in ended.err:
            yield f"the {turn} time: a traceback: {ended.err[-600:]}"
        elif stranger.scenario.acknowledged(top, ended) == refused:
            yield f"the {turn} time: {ended.out[-400:]!r} {ended.err[-300:]}"
        elif named and os.fsencode(path) not in ended.out:
            yield f"the {turn} time: what keeps it from removing is not named: {ended.out[-400:]!r}"
    yield from (problem for problem in problems(top) if path.name not in problem)
    if removing and "*" not in stranger.path and (top / "builds" / old).exists() != named:
        yield "a build was not collected, or is gone"
    if (top / "apps/web/current/version").read_bytes() != b"3":
        yield "another release is current"


def _plant(path: Path, kind: str) -> None:
    if kind == "file":
        path.write_text("root's")
        path.chmod(0o600)
    elif kind == "directory":
        path.mkdir(0o700)
        (path / "inside").write_text("root's")
    elif kind == "link":
        path.symlink_to("/etc")
    else:
        os.mkfifo(path)


# --- processes ------------------------------------------------------------------------------------


def _unseen(public: Path) -> Tally:
    """A collection must leave the build that a process of root's runs, hidden or only closed to others."""
    tally = Tally("a process of root's runs an old build")
    options = ("hidepid=2", "hidepid=invisible", "hidepid=ptraceable", "hidepid=noaccess", "hidepid=0")
    for option in options:
        tally.cases += 1
        tally.violations += _collect(public / f"unseen-{option}", option, "careful")
    tally.control(
        "a collector that sees no such process", _collect(public / "careless gc", options[0], "careless")
    )
    return tally


def _collect(place: Path, option: str, how: str) -> list[str]:
    place.mkdir()
    top = place / "store"
    with Store.open(str(top), create=True) as store:
        # However long it takes until the service is started: the first release is current then.
        for text, later in ((b"1", 0), (b"2", 60), (b"3", 60)):
            go_live(store, {"version": text}, created=int(time.time()) + later)
        old = top / "builds" / build_of(store, 1)
    nobody = pwd.getpwnam("nobody")
    subprocess.run(["chown", "-R", "-h", f"{nobody.pw_uid}:{nobody.pw_gid}", str(top)], check=True)
    inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", HIDDEN, "sh"]
    words = [*inside, option, str(old / "tree"), *_as("nobody"), *program(COLLECT, top, how)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if "done" not in ended.stdout:
        return [f"{option}: the collection fails: {ended.returncode} {ended.stderr[-500:]}"]
    return [] if old.exists() else [f"{option}: the build that a service runs is gone"]


def _as(account: str) -> list[str]:
    found = pwd.getpwnam(account)
    ids = [f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups"]
    return ["setpriv", *ids, "--"]
