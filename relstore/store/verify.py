"""Checking a whole store against everything that its formats promise. Reads, and changes nothing.

Each problem is a finding, so that one rotten file does not hide the next. Not for repairing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

from relstore.errors import FormatError, RelstoreError
from relstore.formats.names import AppName, Digest
from relstore.store import app as apps
from relstore.store import journal
from relstore.store.app import App, link_target
from relstore.store.objects import EXECUTABLE_MODE, PLAIN_MODE
from relstore.store.rollouts import Rollouts
from relstore.store.store import Store
from relstore.store.tree import Finding, Proved


class Counts(NamedTuple):
    """What was checked."""

    generations: int
    builds: int
    objects: int
    bytes: int


class Checker:
    """One check of a store. Run ``build`` for each (which reads everything), ``apps`` and ``objects``."""

    def __init__(self, store: Store, checked: int = 0) -> None:
        """``checked``: how many builds were checked before a break."""
        self._store = store
        self._proved = Proved()
        self._generations = 0
        self._builds = checked
        self._counting = threading.Lock()
        self._objects = 0
        self._bytes = 0

    def counts(self) -> Counts:
        return Counts(self._generations, self._builds, self._objects, self._bytes)

    def build(self, build: Digest) -> list[Finding]:
        """The manifest against its name, the tree against the manifest, the bytes against SHA-256.

        Several threads may do it at once.
        """
        findings = self._store.builds.survey(build, self._proved)
        if not self._store.builds.has(build):
            return []  # collected meanwhile
        with self._counting:
            self._builds += 1
        return findings

    def apps(self) -> Iterator[Finding]:
        """Each app's chain, journal, pins and links."""
        names = self._store.app_names()
        for name in names:
            try:
                with self._store.app(name) as app:
                    yield from self._app(name, app)
            except PermissionError:
                yield Finding(f"apps/{name}", "may not be opened by this account")
        for other in sorted({*self._store.apps.names()} - {*names}):
            yield Finding(f"apps/{other}", "is not an app", foreign=True)

    def objects(self) -> Iterator[Finding]:
        """The shelf: names, kinds and modes."""
        for shard, name in self._store.objects.refs():
            place = f"objects/{shard}/{name}"
            digest, dot, variant = name.partition(".")
            try:
                Digest.parse(digest)
            except FormatError:
                yield Finding(place, "is not the name of an object")
                continue
            status = self._store.objects.shard(shard).lstat(name)
            if status is None:
                continue  # collected meanwhile
            self._objects += 1
            self._bytes += status.st_size
            wanted = EXECUTABLE_MODE if variant == "x" else PLAIN_MODE
            if not digest.startswith(shard) or (dot and variant != "x"):
                yield Finding(place, "is not the name of an object of this shard")
            elif status.st_mode & 0o7777 != wanted:
                yield Finding(place, f"has the mode {status.st_mode & 0o7777:04o} instead of {wanted:04o}")

    def _app(self, name: AppName, app: App) -> Iterator[Finding]:
        place = f"apps/{name}"
        try:
            generations = app.generations()
            damaged_pins = app.damaged_pins()
            foreign = app.foreign_names()
            current = app.current()
            linked = set(app.linked())
            rollouts = Rollouts(app.directory)
            damaged_rollouts = rollouts.damaged()
            foreign += [f"{apps.ROLLOUTS}/{each}" for each in rollouts.foreign_names()]
        except RelstoreError as error:
            yield Finding(place, error.what)
            return
        try:
            app.prove()  # the chain is sound, so what is wrong now is the journal
        except RelstoreError as error:
            yield Finding(f"{place}/{journal.NAME}", error.what)
        for damaged in damaged_pins:
            yield Finding(f"{place}/{apps.PINS}", damaged.what)
        for rollout in damaged_rollouts:
            what = f"{rollout.problem}; the next rollout removes it"
            yield Finding(f"{place}/{apps.ROLLOUTS}/{rollout.id}", what)
        for name_in_app in foreign:
            yield Finding(f"{place}/{name_in_app}", "is nothing that relstore keeps there", foreign=True)
        self._generations += len(generations)
        if current is not None and current not in linked:
            yield Finding(f"{place}/{apps.CURRENT}", f"names generation {current}, which is not there")
        with app.area(apps.GENERATIONS) as links:
            for generation in generations:
                if generation.number not in linked:
                    continue
                link = f"{place}/{apps.GENERATIONS}/{generation.number}"
                if links.readlink(str(generation.number)) != link_target(generation.build):
                    yield Finding(link, "does not point to the build of its record")
                elif not self._store.builds.has(generation.build):
                    yield Finding(link, "points to a build that is missing")
        for number in linked - {generation.number for generation in generations}:
            yield Finding(f"{place}/{apps.GENERATIONS}/{number}", "has no record")
