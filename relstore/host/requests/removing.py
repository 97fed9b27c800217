"""Removing an app: refused while it is needed, then one rename, then freeing what only it needed.

From the rename on the app is gone, however this ends; the next removal or collection frees the rest. Not for
what else is freed (``collecting``).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping

from relstore.errors import NotFoundError, RefusedError, RelstoreError
from relstore.formats.names import AppName, Digest
from relstore.formats.retention import Policy
from relstore.gc import left as left_behind
from relstore.gc import sweep, trash
from relstore.gc.measure import measure
from relstore.gc.processes import builds_in_use
from relstore.host.adopt import live_path
from relstore.host.job import closing
from relstore.host.requests import collecting, job_needs
from relstore.protocol import AppRemoved, Collect, LogRow, RemoveApp
from relstore.store import adoption, hold, leases
from relstore.store.app import App
from relstore.store.rollouts import Rollouts, busy, is_in_the_way
from relstore.store.store import Store

_NOTHING_CHANGED = "Nothing was changed."


def remove(store: Store, request: RemoveApp) -> tuple[AppRemoved, list[LogRow]]:
    """Raises NotFoundError, RefusedError, DamagedError, OSError."""
    try:
        with trash.alone(store), store.exclusive(), store.app(request.app) as app:
            found, rows = _look(store, app)
            left = [] if request.dry_run else trash.put(store, store.apps, request.app)
            if left:
                raise RefusedError(
                    f"the app cannot be removed: {left[0].path}: {left[0].why}",
                    state=_NOTHING_CHANGED,
                    hint="; ".join(left_behind.warnings(left)),
                )
    except NotFoundError:
        if request.dry_run or not _is_half_removed(store, request.app):
            raise
        found, rows = AppRemoved(0, 0, 0, 0, 0, True, ()), []
    return (found if request.dry_run else _free(store, request, found)), rows


def _look(store: Store, app: App) -> tuple[AppRemoved, list[LogRow]]:
    """What there is to remove. Raises RefusedError while something needs it."""
    held = hold.read(app.directory)
    if held is not None:
        raise RefusedError(
            f"{app.name} is on hold: {held.message}", state=_NOTHING_CHANGED, hint="`relstore unhold` first."
        )
    if job_needs.of(app).jobs:
        raise RefusedError(
            f"an activation of {app.name} is under way, or was cut off",
            state=_NOTHING_CHANGED,
            hint="`relstore attach` follows it; `relstore status` shows what is unresolved.",
        )
    rollout = Rollouts(app.directory).newest()
    if rollout is not None and is_in_the_way(rollout):
        raise RefusedError(
            busy(rollout).what,
            state=_NOTHING_CHANGED,
            hint="`relstore rollout abort` ends it; what its hosts run then stays.",
        )
    adopted = adoption.read(app.directory)
    if adopted is not None and live_path.is_taken(adopted):
        raise RefusedError(
            f"{adopted.live} leads into {app.name}, since the app was adopted",
            state=_NOTHING_CHANGED,
            hint="`relstore adopt --undo` first, or have that path lead elsewhere.",
        )
    linked = frozenset(app.linked())
    own = {each.build: each.number for each in app.generations() if each.number in linked}
    alone = own.keys() - _builds_of_others(store, app.name)
    warnings = list(_check_stopped(app, own, alone))
    leased = sweep.leased_objects(leases.held(store.leases).values())
    present = [build for build in sorted(alone) if store.builds.directory.lstat(build) is not None]
    measured = measure(store, present, leased)
    events = [LogRow(*event) for event in app.events()]
    log = list(heapq.merge(events, closing.rows(app), key=lambda row: row.time))
    current = app.current() or 0
    found = AppRemoved(
        len(linked), len(app.pins()), current, len(present), measured.bytes, False, tuple(warnings)
    )
    return found, log


def _builds_of_others(store: Store, removed: AppName) -> set[Digest]:
    builds: set[Digest] = set()
    for name in store.app_names():
        if name != removed:
            with store.app(name) as app:
                linked = frozenset(app.linked())
                builds |= {each.build for each in app.generations() if each.number in linked}
    return builds


def _check_stopped(app: App, own: Mapping[Digest, int], alone: Collection[Digest]) -> Iterator[str]:
    """What could not be seen. Raises RefusedError while a process runs one of the app's builds."""
    in_use = builds_in_use()
    running = sorted(own[build] for build in in_use.builds if build in alone)
    if running or any(process.names(app.name) for process in in_use.closed):
        which = f"generation {running[0]} of {app.name}" if running else app.name
        raise RefusedError(
            f"{which} is running on this host",
            state=_NOTHING_CHANGED,
            hint="Stop it first, and keep it from starting again: systemctl disable --now UNIT",
        )
    for number in sorted(own[build] for build in in_use.builds if build in own):
        yield f"the build of generation {number} runs, and another app has it too: for which, was not seen."
    if in_use.hidden:
        yield "this host hides the processes of other accounts, so whether one of them runs it was not seen."


def _is_half_removed(store: Store, app: AppName) -> bool:
    return any(name.rpartition(".")[0] == app for name in store.trash.all_names())


def _free(store: Store, request: RemoveApp, found: AppRemoved) -> AppRemoved:
    """Free what nothing needs any more, and remove no generation of another app."""
    try:
        collected, _ = collecting.collect(store, Collect(None, Policy(), None, request.who, False))
    except RelstoreError as error:
        why = f"the app is removed, but nothing was freed yet: {error.what}. `relstore gc` frees it."
        return found._replace(bytes=0, warnings=(*found.warnings, why))
    return found._replace(bytes=collected.bytes, warnings=(*found.warnings, *collected.warnings))
