"""The rules for paths inside a build. Pure; no file system is touched here.

A path is what a manifest says and a host will create, so it is hostile until ``check_path`` has
passed it. Not for paths of the store itself (``store.root``).
"""

from __future__ import annotations

from relstore.errors import FormatError

MAX_PATH_BYTES = 4096
MAX_PART_BYTES = 255
MAX_DEPTH = 128
MAX_TARGET_BYTES = 4095
MAX_HOPS = 40
"""Symlinks followed before a chain counts as a loop, as in Linux (path_resolution(7))."""
MAX_STEPS = 1024
"""How many parts are followed to see where a symlink leads: chains of long targets multiply."""


def check_path(path: str) -> bytes:
    """The path's UTF-8 bytes, which are also its sort key. Raises FormatError.

    Relative, no empty, ``.`` or ``..`` part, no control bytes, no part over 255 bytes.
    """
    raw = _encode(path, "path")
    if len(raw) > MAX_PATH_BYTES:
        raise FormatError(f"a path of {len(raw)} bytes; at most {MAX_PATH_BYTES}")
    parts = raw.split(b"/")
    if len(parts) > MAX_DEPTH:
        raise FormatError(f"{path!r} has {len(parts)} parts; at most {MAX_DEPTH}")
    for part in parts:
        if part in (b"", b".", b".."):
            raise FormatError(f"{path!r} has an empty, '.' or '..' part")
        if len(part) > MAX_PART_BYTES:
            raise FormatError(f"{path!r} has a part of over {MAX_PART_BYTES} bytes")
    return raw


def check_target(target: str) -> None:
    """Raises FormatError unless ``target`` can be the target of a symlink."""
    raw = _encode(target, "symlink target")
    if not 1 <= len(raw) <= MAX_TARGET_BYTES:
        raise FormatError(f"a symlink target of {len(raw)} bytes; 1 to {MAX_TARGET_BYTES}")


def parent(path: str) -> str:
    """The path of the directory that holds ``path``; ``""`` is the top."""
    return path.rpartition("/")[0]


def way_out(path: str, symlinks: dict[str, str]) -> str | None:
    """The symlink that leads out of the build when the one at ``path`` is followed, or None if none does.

    ``symlinks`` maps the path of each symlink of the build to its target. Other symlinks of the build are
    followed, as the kernel does: ``a/..`` is not the top when ``a`` is a symlink. A loop stays inside, and so
    does a target that does not exist. A symlink that is not resolved after MAX_STEPS parts counts as leaving.
    """
    if symlinks[path].startswith("/"):
        return path
    todo = [(part, path) for part in reversed(symlinks[path].split("/"))]
    directory = [part for part in parent(path).split("/") if part]
    hops = 1
    for _ in range(MAX_STEPS):
        if not todo:
            return None
        part, link = todo.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not directory:
                return link
            directory.pop()
            continue
        directory.append(part)
        link = "/".join(directory)
        target = symlinks.get(link)
        if target is None:
            continue
        hops += 1
        if hops > MAX_HOPS:
            return None
        if target.startswith("/"):
            return link
        directory.pop()
        todo.extend((part, link) for part in reversed(target.split("/")))
    return path


def _encode(text: str, what: str) -> bytes:
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError(f"the {what} {text!r} is not UTF-8") from None
    if raw.translate(None, CONTROL) != raw:
        raise FormatError(f"the {what} {text!r} has control bytes")
    return raw


CONTROL = bytes([*range(32), 127])
