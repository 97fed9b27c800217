"""A host with a front and an account that deploys to it, what is done there, and what must be true afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from relstore.formats.journal import OUTCOMES, Journal
from tests.cut_over_proof.stopped import state_of
from tests.support.hosts.systemd import Network
from tests.support.load.requests import BROKEN, Account
from tests.support.user import Ran
from tests.systemd.deployer import Deployer
from tests.systemd.fronts import Front
from tests.systemd.slot_host import APP, KEYS, release, slot_host

DRAIN_S = 22
"""More than the longest answers of the load, 20 s."""
_FLAGS = ("--health-stable", "1s", "--health-timeout", "4s", "--drain", f"{DRAIN_S}s")

# Asks at each socket, again and again, how much who is there was asked, and notes what one says that never had the
# traffic.
_COUNTER = """
import os, socket, sys, time
looks, worst, lived = 0, 0, set()
def live():
    try:
        return os.readlink("/srv/web/apps/web/live")
    except OSError:
        return ""
def asked(path):
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(path)
            connection.sendall(b"GET /count HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n")
            pid, count = connection.recv(4096).split(b"\\r\\n\\r\\n")[1].split()
            return int(pid), int(count)
    except (OSError, ValueError, IndexError):
        return None
while not os.path.exists("/run/count-no-more"):
    before = live()
    found = {path: asked(path) for path in sys.argv[1:]}
    if live() == before:
        for path, answer in found.items():
            if answer and path == before:
                lived.add(answer[0])
            elif answer and answer[0] not in lived:
                looks, worst = looks + 1, max(worst, answer[1])
    else:
        lived.update(answer[0] for answer in found.values() if answer)
    time.sleep(0.03)
print(looks, worst)
"""


@dataclass
class Event:
    """Something that was done while the load went on."""

    what: str
    began: float
    ended: float
    wrong: list[str]
    seen: str = ""


@contextmanager
def noted(events: list[Event], what: str) -> Iterator[Event]:
    """What is done in the block, printed at its end and added to ``events``."""
    event = Event(what, time.time(), 0.0, [])
    try:
        yield event
    finally:
        event.ended = time.time()
        events.append(event)
        wrong = f"  WRONG: {event.wrong}" if event.wrong else ""
        print(f"  {event.ended - event.began:6.1f} s  {what}  {event.seen}{wrong}", flush=True)


def of_event(account: Account, event: Event) -> Account:
    """What ended in its time, and what began in it and came to a bad end later: a long answer of a bad release."""
    end = event.ended + 1
    return Account(
        tuple(
            request
            for request in account.requests
            if event.began <= request.ended < end
            or (event.began <= request.began < end and request.outcome in BROKEN)
        ),
        account.lag,
    )


@dataclass
class Stage:
    """One host."""

    deployer: Deployer
    front: Front
    ends: str
    """How the program ends on SIGTERM."""
    flags: tuple[str, ...] = _FLAGS
    events: list[Event] = field(default_factory=list)
    pushed: int = 0

    # -- what is done ----------------------------------------------------------------------------

    def build(self, mode: str = "good") -> Path:
        """A release that no other one is like."""
        self.pushed += 1
        return release(self.deployer, f"r{self.pushed}", mode, ends=self.ends)

    def words(self, mode: str = "good", *flags: str) -> tuple[object, ...]:
        return ("push", self.build(mode), *KEYS, *self.front.flags, *self.flags, *flags)

    def push(self, mode: str = "good", *flags: str) -> Ran:
        return self.deployer.run(*self.words(mode, *flags))

    def switch(self, to: str, *flags: str) -> Ran:
        return self.deployer.run("switch-generation", to, *KEYS, *self.front.flags, *self.flags, *flags)

    def event(self, what: str) -> AbstractContextManager[Event]:
        """What is done in the block, printed at its end."""
        return noted(self.events, what)

    # -- what is there ---------------------------------------------------------------------------

    @property
    def app(self) -> Path:
        """The app's directory as it lies on the disk, whether or not the host is on."""
        return self.deployer.host.root_path / APP.lstrip("/")

    def current(self) -> int:
        return int(os.readlink(self.app / "current").rpartition("/")[2])

    def live(self) -> str:
        """The slot to which ``live`` leads."""
        pattern = r"slots/([ab])" if self.front.is_shared else r"/run/web-([ab])/sock"
        return re.fullmatch(pattern, os.readlink(self.app / "live"))[1]  # type: ignore[index]

    @property
    def _units(self) -> dict[str, str]:
        """The unit of each place where a release may run."""
        slots = {"a": "web@a", "b": "web@b"}
        return {**slots, "trial": "web-trial"} if self.front.is_shared else slots

    def slots(self) -> dict[str, int]:
        """What each slot runs, and the trial."""
        found = {}
        for slot in self._units:
            with contextlib.suppress(FileNotFoundError):
                found[slot] = int(os.readlink(self.app / "slots" / slot).rpartition("/")[2])
        return found

    def reached(self) -> set[str]:
        """The releases that a request may reach: of a shared socket, whatever has a slot."""
        slots = self.slots()
        reached = slots.keys() - {"trial"} if self.front.is_shared else {self.live()}
        return {self.version(slots[slot]) for slot in reached}

    def last(self) -> tuple[str, int]:
        """The last event of the journal that says how something ended."""
        events = Journal.parse((self.app / "journal").read_bytes()).events
        return next(
            (event.event, event.generation) for event in reversed(events) if event.event != "switching"
        )

    def outcome_of(self, job: str, seconds: float = 120) -> str:
        """What the journal says of a job that nobody watches, once it does; or that it did not begin."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            events = Journal.parse((self.app / "journal").read_bytes()).events
            for event in events:
                if event.job == job and event.event in OUTCOMES:
                    return event.event
            state = state_of(self.app / "jobs" / job / "state")
            if state.outcome in ("busy", "held"):
                return state.outcome
            time.sleep(0.05)
        raise AssertionError(f"job {job} has no outcome")

    def version(self, generation: int) -> str:
        return (self.app / "generations" / str(generation) / "version").read_text()

    def active(self) -> list[str]:
        """The slots whose units run, and the trial."""
        words = ("systemctl", "show", "-P", "ActiveState", *self._units.values())
        states = self.deployer.host.run(*words).stdout.split()
        pairs = zip(self._units, states, strict=True)
        return [slot for slot, state in pairs if state not in ("inactive", "failed")]

    def wrong(self, current: int) -> list[str]:
        """What is not as it must be, with ``current``: whether or not another slot drains."""
        found = []
        if self.current() != current:
            found.append(f"generation {self.current()} is current instead of {current}")
        live, slots = self.live(), self.slots()
        if slots.get(live) != self.current():
            found.append(f"slot {live} is live, {slots}, and generation {self.current()} is current")
        if live not in self.active():
            found.append(f"slot {live} is live and does not run")
        return found

    def wait_for_one_slot(self, seconds: float = DRAIN_S + 40) -> list[str]:
        """Until only the one that is live is there and runs; what is wrong if that does not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if list(self.slots()) == self.active() == [self.live()]:
                return []
            time.sleep(0.2)
        return [f"two slots are left: {self.slots()}, {self.active()} run, {self.live()} is live"]

    def move_ms(self) -> float:
        """How long after the host accepted the last job ``live`` was moved."""
        job = self.app / "jobs" / self.last_job()
        return (os.lstat(self.app / "live").st_ctime - (job / "request").stat().st_mtime) * 1000

    def last_job(self) -> str:
        return max(path.name for path in (self.app / "jobs").iterdir())

    def job_log(self) -> str:
        return (self.app / "jobs" / self.last_job() / "log").read_text()

    @contextmanager
    def counting(self) -> Iterator[list[int]]:
        """In the end: how often a slot or a trial was asked that never had the traffic, and the most requests that
        it had had."""
        found: list[int] = []
        self.deployer.host.run("sh", "-c", "cat > /root/count", input=_COUNTER)
        places = ("trial",) if self.front.is_shared else ("a", "b")
        sockets = " ".join(f"/run/web-{place}/sock" for place in places)
        script = f"rm -f /run/count-no-more; exec python3 /root/count {sockets} > /run/counted"
        unit = ("systemd-run", "--quiet", "--unit", "counting", "sh", "-c", script)
        self.deployer.host.run(*unit)
        try:
            yield found
        finally:
            self.deployer.host.run("touch", "/run/count-no-more")
            wait = "while systemctl is-active -q counting; do sleep 0.1; done; cat /run/counted"
            found += map(int, self.deployer.host.run("sh", "-c", wait).stdout.split())


@contextmanager
def stage(
    network: Network,
    directory: Path,
    front: Front,
    *,
    ends: str = "at once",
    drain: int = DRAIN_S,
    flags: tuple[str, ...] = (),
) -> Iterator[Stage]:
    """A host with one good release. What shares a socket ends politely, whatever ``ends`` says."""
    directory.mkdir(parents=True)
    with slot_host(network, directory, front=front, drain=f"{drain}s") as deployer:
        made = Stage(deployer, front, "politely" if front.is_shared else ends, (*_FLAGS, *flags))
        first = made.push()
        assert first.code == 0, first.err
        yield made


def report(events: list[Event], account: Account) -> list[str]:
    """Print what each event cost; what was wrong with any."""
    wrong = []
    for event in events:
        part = account.between(event.began, event.ended + 0.5)
        reasons = dict(part.reasons())
        print(f"  {event.what}: {part.asked} requests, {len(part.broken)} broken, {reasons}", flush=True)
        wrong += [f"{event.what}: {problem}" for problem in event.wrong]
    print(
        f"  {account.asked} requests, {dict(account.reasons())}, callers late by {account.lag:.2f} s at most"
    )
    return wrong
