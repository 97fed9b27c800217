"""The path that the service uses: to the store's link and back, with no moment in which it is missing.

A symlink is replaced by the rename of a prepared one. A directory is exchanged with a prepared symlink by
renameat2(RENAME_EXCHANGE), after which it has the symlink's name. Whatever a crash leaves is either of the
two, and doing it again ends it. Not for what is recorded of it (``store.adoption``).
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from relstore.errors import RefusedError
from relstore.formats.adoption import Adoption
from relstore.host.adopt.exchange import exchange
from relstore.store.directory import Dir
from relstore.store.durable import sync_directory
from relstore.store.root import account, shell_word

_PREPARED = ".relstore-{}"
"""The name of a symlink that is about to take the place of another."""
_ASIDE = ".before-relstore"


def aside_of(live: str) -> str:
    """The name that the old directory at ``live`` gets, beside it."""
    return os.path.basename(live) + _ASIDE


def is_taken(adoption: Adoption) -> bool:
    """Whether the path leads into the store already."""
    return _target(adoption.live) == adoption.target


def take(adoption: Adoption) -> None:
    """Have the path lead into the store. Raises RefusedError, OSError."""
    if is_taken(adoption):
        return
    name = os.path.basename(adoption.live)
    live, beside = shell_word(adoption.live), shell_word(_beside(adoption))
    with _parent(adoption.live) as parent:
        if not adoption.aside:
            with _as_root_otherwise(parent, _replacing(adoption.live, adoption.target)):
                _replace(parent, name, adoption.was, adoption.target)
            return
        _check_directory(parent, adoption)
        # By hand there is a moment without the path.
        command = f"mv -T {live} {beside} && ln -s {shell_word(adoption.target)} {live}"
        with _as_root_otherwise(parent, command):
            if parent.lstat(adoption.aside) is None:
                parent.symlink(adoption.target, adoption.aside)
                sync_directory(parent)
            exchange(parent.fd, adoption.aside, name)
            sync_directory(parent)


def give_back(adoption: Adoption, old: str) -> None:
    """Have the path lead to ``old`` again; a directory is put back itself. Raises RefusedError, OSError."""
    name = os.path.basename(adoption.live)
    with _parent(adoption.live) as parent:
        if not is_taken(adoption):
            if _is_back(parent, name, adoption, old):  # by an attempt that was killed
                if adoption.aside and parent.lstat(adoption.aside) is not None:
                    parent.unlink(adoption.aside)
                return
            raise RefusedError(
                f"{adoption.live} does not lead into the store any more",
                state="relstore left it alone.",
                hint=f"Look at it: ls -l {shell_word(adoption.live)}",
            )
        if not adoption.aside:
            with _as_root_otherwise(parent, _replacing(adoption.live, old)):
                _replace(parent, name, adoption.target, old)
            return
        live = shell_word(adoption.live)
        with _as_root_otherwise(parent, f"rm {live} && mv -T {shell_word(_beside(adoption))} {live}"):
            exchange(parent.fd, adoption.aside, name)
            parent.unlink(adoption.aside)  # the symlink now
            sync_directory(parent)


def _replacing(live: str, target: str) -> str:
    """What root types to have the symlink at ``live`` lead to ``target``."""
    prepared = shell_word(f"{live}.new")
    return f"ln -s {shell_word(target)} {prepared} && mv -T {prepared} {shell_word(live)}"


def _replace(parent: Dir, name: str, was: str, target: str) -> None:
    leads_to = parent.readlink(name)
    if leads_to != was:
        raise RefusedError(
            f"{parent.path}/{name} was changed meanwhile: it leads to {leads_to!r}",
            state="It was left alone. What was imported stays in the store.",
            hint="Adopt again, so that what is live now is imported too.",
        )
    prepared = _PREPARED.format(name)
    with contextlib.suppress(FileNotFoundError):
        parent.unlink(prepared)  # of an attempt that was killed
    parent.symlink(target, prepared)
    try:
        sync_directory(parent)
        parent.rename(prepared, parent, name)
    except OSError:
        with contextlib.suppress(OSError):
            parent.unlink(prepared)
        raise
    sync_directory(parent)


def _check_directory(parent: Dir, adoption: Adoption) -> None:
    """Raises RefusedError unless the directory is there, and its name beside it free or ours."""
    if not parent.is_directory(os.path.basename(adoption.live)):
        raise RefusedError(
            f"{adoption.live} is no directory any more",
            state="It was left alone. What was imported stays in the store.",
        )
    beside = parent.lstat(adoption.aside)
    if beside is not None and not _is_prepared(parent, adoption, beside):
        raise RefusedError(
            f"{_beside(adoption)} is in the way",
            state="What is live was not touched.",
            hint="Move it away, then adopt again.",
        )


def _beside(adoption: Adoption) -> str:
    return f"{os.path.dirname(adoption.live)}/{adoption.aside}"


def _is_back(parent: Dir, name: str, adoption: Adoption, old: str) -> bool:
    if not adoption.aside:
        return parent.readlink(name) == old
    beside = parent.lstat(adoption.aside)
    return parent.is_directory(name) and (beside is None or _is_prepared(parent, adoption, beside))


def _is_prepared(parent: Dir, adoption: Adoption, status: os.stat_result) -> bool:
    """Whether it is the symlink that an attempt which was killed left there."""
    return stat.S_ISLNK(status.st_mode) and parent.readlink(adoption.aside) == adoption.target


def _target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


def _parent(live: str) -> Dir:
    return Dir.open_path(os.path.realpath(os.path.dirname(live)))


@contextlib.contextmanager
def _as_root_otherwise(parent: Dir, command: str) -> Iterator[None]:
    """Raises RefusedError with the ``command`` for root where this account may not write to ``parent``."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM):
            raise
        raise RefusedError(
            f"{account(os.geteuid())} may not write to {parent.path}",
            state="The path leads where it did. What was imported stays in the store.",
            hint=f"Run this there as root, then the same `relstore adopt` again: {command}",
        ) from None
