"""Unpacks the helper into ``helpers/<digest>/`` of the store, once for each bundle that a client sends.

A job must outlive the session that brought the bundle, so the bundle is unpacked to disk before the first
job; Python then keeps its bytecode there too. Not for a session before that, which runs from memory
(``remote_stage``).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipimport
from importlib.machinery import SourceFileLoader
from typing import NamedTuple

from relstore.errors import ProtocolError, StoreError
from relstore.formats.names import random_suffix
from relstore.store.directory import TEMPORARY, Dir
from relstore.store.durable import Durability, replace_symlink, sync_directory, write_all

AREA = "helpers"
NEWEST = "newest"
"""A link to the helper that was used last, for what runs at boot."""
INDEX = "FILES"
"""The bundle's list of its own files, so that unpacking needs no zip library."""


class Bundle(NamedTuple):
    """Where the running code was loaded from."""

    digest: str
    """The SHA-256 of the bundle in hexadecimal."""
    path: str
    """A zip file in memory, or the unpacked directory."""


def install(root: Dir, bundle: Bundle, durability: Durability) -> str:
    """Unpack the helper below ``root`` unless it is there already; its path."""
    with root.make_or_open(AREA) as helpers:
        if helpers.lstat(bundle.digest) is None:
            _unpack(helpers, bundle, durability)
        if helpers.readlink(NEWEST) != bundle.digest:
            replace_symlink(helpers, NEWEST, bundle.digest, durability)
    return f"{root.path}/{AREA}/{bundle.digest}"


def keep_bytecode(path: str) -> None:
    """Have Python keep the bytecode of the helper that was unpacked at ``path``, where it does not yet.

    It keeps that of what it imports from there, but the session that unpacked it runs from memory, and its
    job is a fork. The next session would have to compile.
    """
    if os.path.isdir(f"{path}/relstore/__pycache__"):
        return
    for directory, _, names in os.walk(path):
        for name in names:
            if name.endswith(".py"):
                with contextlib.suppress(OSError, ImportError, SyntaxError):
                    SourceFileLoader(name, f"{directory}/{name}").get_code(name)


def _unpack(helpers: Dir, bundle: Bundle, durability: Durability) -> None:
    with open(bundle.path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != bundle.digest:
            raise ProtocolError("the helper's bundle is not what its name says")
    archive = zipimport.zipimporter(bundle.path)
    names = archive.get_data(INDEX).decode("ascii").splitlines()
    temporary = TEMPORARY + random_suffix()
    try:
        with helpers.make(temporary) as directory:
            for name in names:
                _write(directory, name.split("/"), archive.get_data(name), durability)
            _fill(directory, durability)
            durability.barrier(directory)
        helpers.rename(temporary, helpers, bundle.digest)
    except (OSError, StoreError):
        helpers.remove_tree(temporary)
        if helpers.lstat(bundle.digest) is None:  # otherwise another session was faster
            raise
    sync_directory(helpers)


def _write(directory: Dir, parts: list[str], data: bytes, durability: Durability) -> None:
    if len(parts) > 1:
        with contextlib.suppress(FileExistsError):
            directory.make(parts[0]).close()
        with directory.sub(parts[0]) as inner:
            _write(inner, parts[1:], data, durability)
        return
    fd = directory.create_file(parts[0], 0o644)
    try:
        write_all(fd, data)
        durability.file_written(fd)
    finally:
        os.close(fd)


def _fill(directory: Dir, durability: Durability) -> None:
    """Make every directory durable at the next barrier, from the bottom up."""
    for entry in list(directory.entries()):
        if entry.is_dir(follow_symlinks=False):
            with directory.sub(entry.name) as inner:
                _fill(inner, durability)
    durability.directory_filled(directory)
