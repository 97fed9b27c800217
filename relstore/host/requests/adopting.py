"""Adopting what another tool deployed: plan, import, take over the path; and giving it back.

It can be killed at any call: the path that the service uses leads to the old release or into the store, and
the same request ends what was begun. No service is restarted. Not for the parts of it (``host.adopt``).
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Optional

from relstore.errors import BusyError, NoStoreError, NotFoundError, RefusedError, UnfitReleaseError
from relstore.formats import journal as journal_format
from relstore.formats.adoption import DIRECTORY, Adoption, Place
from relstore.formats.generation import Generation
from relstore.formats.journal import Event
from relstore.host.adopt import intake, live_path, old_tree
from relstore.host.adopt.find import find
from relstore.host.adopt.layout import Layout, OldRelease, chosen
from relstore.host.adopt.old_tree import OldTree
from relstore.host.job.occupied import holder
from relstore.protocol import Adopt, Adopted, AdoptedOut, GiveBack, GivenBack, Step
from relstore.store import adoption as adoptions
from relstore.store import journal, locks
from relstore.store.app import CURRENT, LOCK, App
from relstore.store.store import Store

_ADOPTED = "adopted"


class _Read(NamedTuple):
    release: OldRelease
    tree: Optional[OldTree]
    problem: str


def adopt(
    open_store: Callable[[bool], Store], request: Adopt, send: Callable[[Step], None]
) -> tuple[Adopted, list[AdoptedOut]]:
    """``open_store(create)``: a dry run makes none.

    Raises RefusedError, NotFoundError, BusyError, OSError.
    """
    done = _done_already(open_store, request)
    if done is not None:
        return done, []
    layout = find(request.path, request.layout, request.live)
    releases = chosen(layout, request.good, request.last)
    steps = _Steps(send)
    read = [_read(layout, release, request, steps) for release in releases]
    left = [
        _Read(release, None, release.problem or "it is older than those that were asked for")
        for release in layout.releases
        if release.path not in {chosen_one.path for chosen_one in releases}
    ]
    numbers: dict[str, int] = {}
    target, left_over = "", _left_over(layout)
    if not request.dry_run:
        store = open_store(True)
        target, numbers = _carry_out(store, layout, read, request, steps)
    live = next(one.release for one in read if one.release.path == layout.running)
    reply = Adopted(layout.kind, layout.live, target, numbers.get(live.path, 0), left_over)
    order = [release.path for release in layout.releases]
    everything = sorted([*left, *read], key=lambda one: order.index(one.release.path))
    return reply, [_row(one, layout, numbers) for one in everything]


def give_back(store: Store, request: GiveBack) -> GivenBack:
    """Raises NotFoundError, RefusedError, UnfitReleaseError, BusyError, OSError."""
    with store.app(request.app) as app, _free(app):
        adoption = adoptions.read(app.directory)
        if adoption is None:
            raise NotFoundError(
                f"{request.app} took over no path from another tool", state="Nothing was changed."
            )
        number = app.current() or 0
        place = adoption.place(number)
        if place is None:
            raise RefusedError(
                f"generation {number} is current, which the old layout does not have",
                state="Nothing was changed.",
                hint="Make an adopted generation current first, with `relstore switch-generation NUMBER`: "
                f"{', '.join(str(one.generation) for one in adoption.places)}.",
            )
        old = _as_it_was(adoption, place)
        if not request.dry_run:
            live_path.give_back(adoption, old)
            adoptions.forget(app.directory)
        return GivenBack(adoption.live, adoption.live if adoption.aside else old, number)


def _done_already(open_store: Callable[[bool], Store], request: Adopt) -> Optional[Adopted]:
    """The answer, where the path leads into the store: root may have done the last step by hand."""
    try:
        store = open_store(False)
    except NoStoreError:
        return None
    if request.app not in store.app_names():
        return None
    with store.app(request.app) as app:
        before = adoptions.read(app.directory)
        if before is None or not live_path.is_taken(before):
            return None
        return Adopted(before.kind, before.live, before.target, app.current() or 0, "")


def _read(layout: Layout, release: OldRelease, request: Adopt, steps: _Steps) -> _Read:
    steps.begin(f"reading {release.name}")
    try:
        return _Read(release, old_tree.read(release, layout.program, request.exclude, steps.count), "")
    except (UnfitReleaseError, OSError) as error:
        if release.path == layout.running:
            raise
        problems = error.problems if isinstance(error, UnfitReleaseError) else (str(error),)
        return _Read(release, None, "; ".join(problems))


def _carry_out(
    store: Store, layout: Layout, read: list[_Read], request: Adopt, steps: _Steps
) -> tuple[str, dict[str, int]]:
    """Where the path leads now, and the generation of each release by its path."""
    store.make_app(request.app)
    numbers: dict[str, int] = {}
    with store.app(request.app) as app, _free(app):
        _check_new(app, layout)
        for release, tree, _ in read:
            if tree is None:
                continue
            steps.begin(f"importing {release.name}")
            intake.import_build(store, release, tree, steps.count)
            with store.shared():
                numbers[release.path] = intake.record(app, release, tree, request.who).number
        _mark_good(app, [(numbers[one.release.path], one.release) for one in read if one.tree], request.who)
        adoption = _adoption(store, app, layout, numbers)
        if app.current() != numbers[layout.running]:
            app.switch(numbers[layout.running])
        adoptions.write(app.directory, adoption)
        steps.begin("taking over the path")
        live_path.take(adoption)
    return adoption.target, numbers


def _check_new(app: App, layout: Layout) -> None:
    """Raises RefusedError for an app that has adopted another path, or that runs a release of relstore's."""
    before = adoptions.read(app.directory)
    if before is not None and before.live != layout.live:
        raise RefusedError(
            f"{app.name} has adopted {before.live} already",
            state="Nothing was changed.",
            hint="Give this one another name with --app, or give that one back: `relstore adopt --undo`.",
        )
    current = app.current()
    if current is not None and not intake.is_adopted(Generation.parse(app.record(current))):
        raise RefusedError(
            f"{app.name} is an app of relstore's already",
            state="Nothing was changed.",
            hint="Give the adopted one another name: --app NAME",
        )


def _mark_good(app: App, taken: list[tuple[int, OldRelease]], who: str) -> None:
    """Say that a release served well, as a person does, unless that is said already."""
    said = {event.generation for event in app.events() if event.event == journal_format.MARKED_GOOD}
    now = int(time.time())
    events = [
        Event(now, journal_format.MARKED_GOOD, number, 0, "", who, intake.note(release))
        for number, release in taken
        if release.is_good and number not in said
    ]
    if events:
        journal.append(app.directory, *events)


def _adoption(store: Store, app: App, layout: Layout, numbers: dict[str, int]) -> Adoption:
    target = f"{store.root.path}/apps/{app.name}/{CURRENT}"
    if layout.program:
        target += f"/{layout.program}"
    is_link = os.path.islink(layout.live)
    return Adoption(
        layout.kind,
        layout.live,
        os.readlink(layout.live) if is_link else "",
        "" if is_link else live_path.aside_of(layout.live),
        target,
        tuple(Place(number, path) for path, number in sorted(numbers.items(), key=lambda item: item[1])),
    )


def _as_it_was(adoption: Adoption, place: str) -> str:
    """The target that the path gets back: the very one that it had, where that leads to the same release."""
    if adoption.aside:
        return place
    was = os.path.join(os.path.dirname(adoption.live), adoption.was)
    if os.path.realpath(was) == place:
        return adoption.was
    if not os.path.lexists(place):
        raise RefusedError(
            f"{place} is not there any more",
            state="Nothing was changed.",
            hint="Make an adopted generation current whose old release still exists.",
        )
    return place


@contextlib.contextmanager
def _free(app: App) -> Iterator[None]:
    """Hold the app's lock, which an activation needs. Raises BusyError."""
    lock = locks.open_lock(app.directory, LOCK)
    try:
        if not locks.try_lock(lock, exclusive=True):
            raise BusyError(
                holder(app),
                state="Nothing was changed.",
                hint="Wait for it (`relstore attach` follows it) and try again.",
            )
        yield
    finally:
        os.close(lock)


def _left_over(layout: Layout) -> str:
    """What somebody may remove one day, so never more than the old releases.

    It is asked before the path is taken.
    """
    if not os.path.islink(layout.live):
        return f"{os.path.dirname(layout.live)}/{live_path.aside_of(layout.live)}"
    return layout.running if layout.kind == DIRECTORY else os.path.dirname(layout.running)


def _row(one: _Read, layout: Layout, numbers: dict[str, int]) -> AdoptedOut:
    release, tree, problem = one
    return AdoptedOut(
        release.name,
        release.created,
        release.commit,
        release.who,
        release.path == layout.running,
        release.is_good,
        numbers.get(release.path, 0),
        None if tree is None else tree.build,
        0 if tree is None else tree.manifest.size,
        problem[:1000],
    )


class _Steps:
    """Tells how far the work is."""

    _EVERY_S = 0.2

    def __init__(self, send: Callable[[Step], None]) -> None:
        self._send = send
        self._name, self._done, self._told = "", 0, 0.0

    def begin(self, name: str) -> None:
        self._name, self._done, self._told = name, 0, time.monotonic()
        self._send(Step(name, 0, 0))

    def count(self, size: int) -> None:
        """``size`` more bytes are done."""
        self._done += size
        if time.monotonic() - self._told > self._EVERY_S:
            self._told = time.monotonic()
            self._send(Step(self._name, self._done, 0))
