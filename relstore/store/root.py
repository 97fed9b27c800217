"""Opening a store: whose it is, who may write to it, which format it has; and making a new one.

The checks come before anything else is read or written, since all that follows trusts that only
this account changes what is below the root. Not for what is inside (``Store`` and its parts).
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import re

import relstore
from relstore.errors import (
    NewerStoreError,
    NoSpaceError,
    NoStoreError,
    ReadOnlyError,
    StoreError,
    UnsafeStoreError,
)
from relstore.formats.needs import NOTHING, Needs
from relstore.store.directory import DIRECTORY_MODE, PRIVATE_MODE, TEMPORARY, Dir
from relstore.store.durable import Durability, create_file, sync_directory

FORMAT = b"relstore-store 1\n"
FORMAT_NAME = "format"
_NEWER = re.compile(rb"relstore-store ([2-9]|[1-9][0-9]{1,8})\n\Z")
NEEDS = "needs"
LOCK = "lock"
LEASES = "leases"
TRASH = "trash"
AREAS = ("helpers", "objects", "builds", "staging", LEASES, "apps", TRASH)
PRIVATE = (LEASES, TRASH)
"""Those that others may not open, since whoever opens what is locked can lock it."""
SHARDS = tuple(f"{number:02x}" for number in range(256))


def open_root(path: str, *, create: bool) -> Dir:
    """The root of the store at ``path`` (relative to the working directory), checked.

    ``create`` makes one where there is none or an empty directory. Raises NoStoreError,
    UnsafeStoreError, StoreError.
    """
    real = os.path.realpath(path)
    try:
        root = Dir.open_path(real)
    except FileNotFoundError:
        if not create:
            raise NoStoreError(
                f"there is no store at {real}", hint="The first `relstore push` makes it."
            ) from None
        _make_directories(real)
        root = Dir.open_path(real)
    except NotADirectoryError:
        raise StoreError(f"{real} is not a directory", hint="Name another place for the store.") from None
    except PermissionError:
        raise StoreError(
            f"{account(os.geteuid())} may not open {real}",
            hint="Log in as the account that owns it.",
        ) from None
    try:
        _check_owner(root)
        _check_format(root, create=create)
    except BaseException:
        root.close()
        raise
    return root


def account(uid: int) -> str:
    """The name of an account for a message, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def shell_word(text: str) -> str:
    """``text`` as one word of a line for a shell, as ``shlex`` would; python3-minimal does not have it."""
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./-]+", text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _make_directories(path: str) -> None:
    """Make ``path`` and its missing parents, 0755 whatever the umask, durably."""
    parent, name = os.path.split(path)
    if not os.path.isdir(parent):
        _make_directories(parent)
    try:
        with Dir.open_path(parent) as above:
            above.make(name, DIRECTORY_MODE).close()
            sync_directory(above)
    except FileExistsError:
        pass  # another push is making the same store
    except PermissionError:
        raise StoreError(
            f"{account(os.geteuid())} may not make {path}",
            state="Nothing was changed.",
            hint=f"Make it once as root: install -d -o {account(os.geteuid())} -m 755 {path}",
        ) from None
    except NotADirectoryError:
        raise StoreError(f"{parent} is not a directory", hint="Name another place.") from None


def _check_owner(root: Dir) -> None:
    status = os.fstat(root.fd)
    if status.st_uid != os.geteuid():
        raise UnsafeStoreError(
            f"{root.path} belongs to {account(status.st_uid)}, not to {account(os.geteuid())}",
            state="Nothing was changed.",
            hint=f"Deploy as {account(status.st_uid)}, or name a place of your own.",
        )
    if status.st_mode & 0o022:
        raise UnsafeStoreError(
            f"others than its owner may write to {root.path} (mode {status.st_mode & 0o7777:04o})",
            state="Nothing was changed.",
            hint=f"chmod go-w {root.path}",
        )


def _check_format(root: Dir, *, create: bool) -> None:
    text = root.read_or_none(FORMAT_NAME, 4096)
    if text is None:
        other = foreign(root)
        if other:
            raise NoStoreError(
                f"{root.path} is not a store: it has no file 'format' and holds {other[0]!r}",
                state="Nothing was changed.",
                hint="Name an empty or a new directory.",
            )
        if not create:
            raise NoStoreError(f"{root.path} is empty", hint="The first `relstore push` makes the store.")
        _initialise(root)
    elif _NEWER.match(text):
        raise NewerStoreError.of(
            f"the store at {root.path}",
            f"its format is {text.decode('ascii').strip()!r}",
            needed=read_needs(root).version,
            own=relstore.__version__,
        )
    elif text != FORMAT:
        raise StoreError(
            f"the store at {root.path} has the format {text[:40]!r}, which this relstore does not know",
            state="Nothing was changed.",
            hint="Use the relstore that made it.",
        )


def foreign(root: Dir) -> list[str]:
    """What is in a directory without a format that no half-made store has, sorted."""
    return sorted(name for name in root.all_names() if name not in _OURS and TEMPORARY not in name)


def read_needs(root: Dir) -> Needs:
    """Which relstore may change the store; reading it changes nothing."""
    try:
        raw = root.read_or_none(NEEDS, 4096)
    except (StoreError, OSError):
        return Needs.parse(b"")
    return NOTHING if raw is None else Needs.parse(raw)


def _initialise(root: Dir) -> None:
    """Everything first, ``format`` last: a store that has it is whole."""
    for area in AREAS:
        root.make_or_open(area, PRIVATE_MODE if area in PRIVATE else DIRECTORY_MODE).close()
    with root.sub("objects") as objects:
        for shard in SHARDS:
            with contextlib.suppress(FileExistsError):
                objects.make(shard).close()
        sync_directory(objects)
    Durability.detect().barrier(root)
    with contextlib.suppress(FileExistsError):  # another push made the same store
        create_file(root, FORMAT_NAME, FORMAT)


def explain(error: OSError, doing: str) -> StoreError:
    """The store's word for what the operating system refused while ``doing`` something."""
    where = f" ({error.filename})" if error.filename else ""
    what = f"{doing}: {error.strerror or error}{where}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError(
            what,
            hint="Free some space (`relstore gc` works on a full disk), or raise the quota.",
        )
    if error.errno == errno.EROFS:
        return ReadOnlyError(
            what,
            hint="Remount the file system writable; the kernel makes it read-only after errors.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return StoreError(what, hint="Everything in a store belongs to the account that deploys.")
    if error.errno == errno.EIO:
        return StoreError(what, hint="The disk reports errors: look at the kernel's log before you go on.")
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return StoreError(what, hint="Something else is where relstore made a directory: put that back.")
    return StoreError(what)


_OURS = frozenset((*AREAS, LOCK))
