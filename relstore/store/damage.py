"""What was found damaged: marks on builds until they are whole again, and the damaged things themselves.

A mark makes the next push of the build send what is damaged, though the build is there. What a repair
replaces is kept in ``quarantine/`` for whoever wants to know what became of it, until the collector takes it.
Not for finding damage (``verify``), nor for repairing it (``repair``).
"""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Iterator

from relstore.formats.names import Digest, random_suffix
from relstore.store.directory import Dir
from relstore.store.durable import remove_name, replace_file, sync_directory
from relstore.store.store import Store

MARKS = "damaged"
QUARANTINE = "quarantine"
_MAX_NAME = 100


def is_marked(store: Store, build: Digest) -> bool:
    """Whether something of the build was found damaged, and not repaired since."""
    with contextlib.ExitStack() as stack:
        marks = store.root.sub_or_none(MARKS)
        return marks is not None and stack.enter_context(marks).lstat(build) is not None


def mark(store: Store, build: Digest) -> None:
    """Say that the build is damaged. It is only a help: where nothing can be written, nothing is."""
    with contextlib.suppress(OSError), store.root.make_or_open(MARKS) as marks:
        replace_file(marks, build, b"")


def unmark(store: Store, build: Digest) -> None:
    """Say that it is whole again."""
    marks = store.root.sub_or_none(MARKS)
    if marks is not None:
        with marks:
            remove_name(marks, build)


def set_aside(store: Store, directory: Dir, name: str) -> None:
    """Keep what ``name`` is, which may be about to be replaced; a directory is moved away.

    A file stays where it is as well, so that its name can be replaced without a moment without one.
    A symlink is not kept: what it said is in the report.
    """
    status = directory.lstat(name)
    if status is None or stat.S_ISLNK(status.st_mode):
        return
    with store.root.make_or_open(QUARANTINE) as quarantine:
        kept = f"{random_suffix()}.{name[:_MAX_NAME]}"
        if stat.S_ISREG(status.st_mode):
            with _unless_it_cannot_be_linked():
                directory.link(name, quarantine, kept)
        else:
            if stat.S_ISDIR(status.st_mode):
                directory.make_accessible(name, status)  # else it could not be moved
            directory.rename(name, quarantine, kept)
        sync_directory(quarantine)


@contextlib.contextmanager
def _unless_it_cannot_be_linked() -> Iterator[None]:
    """It has too many links, or is a file of another account (``fs.protected_hardlinks``)."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EPERM):
            raise


def move_away(store: Store, directory: Dir, name: str) -> None:
    """As ``set_aside``, and then ``name`` is gone. The caller syncs ``directory``."""
    set_aside(store, directory, name)
    with contextlib.suppress(FileNotFoundError):
        directory.unlink(name)
