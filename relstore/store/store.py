"""The store as a whole: one open root, and the parts below it.

Only a place to reach the parts from, each of which does its own work. Not for opening rules
(``root``) nor for any operation that uses several parts (``upload``, ``publish``, ``gc``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

import relstore
from relstore.errors import NewerStoreError, NotFoundError
from relstore.formats.names import AppName, is_name, random_suffix
from relstore.store import app as app_files
from relstore.store import journal, locks
from relstore.store.app import App
from relstore.store.builds import Builds
from relstore.store.directory import DIRECTORY_MODE, PRIVATE_MODE, TEMPORARY, Dir
from relstore.store.durable import Durability, sync_directory
from relstore.store.memory import Memory
from relstore.store.objects import Objects
from relstore.store.root import LEASES, LOCK, PRIVATE, TRASH, open_root, read_needs


class Store:
    """An open store. Close it, or use it as a context."""

    def __init__(self, root: Dir, durability: Durability) -> None:
        self.root = root
        self.durability = durability
        self._needs = read_needs(root)
        self._memories: dict[AppName, Memory] = {}
        self._stack = ExitStack()
        self._stack.callback(root.close)
        self.apps = self._area("apps")
        self.staging = self._area("staging")
        self.leases = self._area(LEASES)
        self.trash = self._area(TRASH)
        if not self._needs.is_newer:
            root.tighten(LOCK, locks.MODE)
            for name in PRIVATE:
                root.tighten(name, PRIVATE_MODE)
        self.builds = Builds(self._area("builds"))
        self.objects = Objects(self._area("objects"), durability)
        self._stack.callback(self.objects.close)

    @classmethod
    def open(cls, path: str, *, create: bool = False) -> Store:
        """Raises NoStoreError, UnsafeStoreError, NewerStoreError, StoreError."""
        return cls(open_root(path, create=create), Durability.detect())

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def check_may_change(self) -> None:
        """Raises NewerStoreError where only a newer relstore knows what a change must respect."""
        if self._needs.is_newer:
            raise self._newer("its file `needs` says so")

    def _newer(self, why: str) -> NewerStoreError:
        return NewerStoreError.of(
            f"the store at {self.root.path}", why, needed=self._needs.version, own=relstore.__version__
        )

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the store's lock shared: nothing is swept meanwhile."""
        with locks.held(self.root, LOCK, exclusive=False):
            yield

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store's lock alone: nobody publishes or takes a lease meanwhile."""
        with locks.held(self.root, LOCK, exclusive=True):
            yield

    def app_names(self) -> list[AppName]:
        """All apps, sorted. What is not a directory with the name of an app is passed over."""
        return [AppName(name) for name in self.apps.names() if is_name(name) and self.apps.is_directory(name)]

    @contextmanager
    def app(self, name: AppName) -> Iterator[App]:
        """Raises NotFoundError when there is no such app."""
        directory = self.apps.sub_or_none(name)
        if directory is None:
            known = self.app_names()
            have = f"It has {', '.join(known[:10])}." if known else "It has no apps yet."
            raise NotFoundError(f"there is no app {name!r} in the store at {self.root.path}", hint=have)
        with directory:
            if not self._needs.is_newer:
                for lock in (app_files.LOCK, journal.NAME):
                    directory.tighten(lock, locks.MODE)
                for private in (app_files.JOBS, app_files.ROLLOUTS):
                    directory.tighten(private, PRIVATE_MODE)
            memory = self._memories.setdefault(name, Memory(is_kept=not self._needs.is_newer))
            yield App(name, directory, self.durability, memory)

    def make_app(self, name: AppName) -> None:
        """Make the app where it is missing: whole, by one rename, so that nobody meets half of one."""
        if self.apps.lstat(name) is not None:
            return
        temporary = TEMPORARY + random_suffix()
        with self.apps.make(temporary) as directory:
            for area in app_files.AREAS:
                directory.make(area, PRIVATE_MODE if area == app_files.JOBS else DIRECTORY_MODE).close()
            sync_directory(directory)
        try:
            self.apps.rename(temporary, self.apps, name)
        except OSError:
            self.apps.remove_tree(temporary)
            if self.apps.lstat(name) is None:  # else another push was faster
                raise
        sync_directory(self.apps)

    def _area(self, name: str) -> Dir:
        if self._needs.is_newer:
            try:
                directory = self.root.sub(name)
            except OSError:
                raise self._newer(f"it has no directory {name}") from None
        else:
            directory = self.root.make_or_open(name)
        self._stack.callback(directory.close)
        return directory
