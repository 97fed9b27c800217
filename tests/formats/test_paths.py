"""Paths inside a build: what may be one, and which symlinks lead out, as the kernel sees it."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from relstore.errors import FormatError
from relstore.formats import paths

GOOD = [
    "a",
    "a/b",
    "näme",
    "日本/語",
    " ",
    "a b",
    "-rf",
    "...",
    "..a",
    ".hidden",
    "a\\b",
    "a:b*?\"'$`",
    "\u202e",
    "\u0085",
    "x" * 255,
    "ä" * 127 + "x",
    "/".join(["x" * 255] * 16),
    "/".join(["a"] * 128),
]

BAD = [
    pytest.param("", "empty, '.' or '..' part", id="empty"),
    pytest.param(".", "empty, '.' or '..' part", id="dot"),
    pytest.param("..", "empty, '.' or '..' part", id="dot dot"),
    pytest.param("a/../b", "empty, '.' or '..' part", id="dot dot inside"),
    pytest.param("a/.", "empty, '.' or '..' part", id="dot at the end"),
    pytest.param("/a", "empty, '.' or '..' part", id="absolute"),
    pytest.param("a/", "empty, '.' or '..' part", id="slash at the end"),
    pytest.param("a//b", "empty, '.' or '..' part", id="two slashes"),
    pytest.param("a\0b", "control bytes", id="NUL"),
    pytest.param("a\nb", "control bytes", id="newline"),
    pytest.param("a\x1b[31m", "control bytes", id="escape"),
    pytest.param("a\x7f", "control bytes", id="delete"),
    pytest.param("a\udcff", "is not UTF-8", id="a byte that is not UTF-8"),
    pytest.param("x" * 256, "a part of over 255 bytes", id="256 bytes"),
    pytest.param("ä" * 128, "a part of over 255 bytes", id="256 bytes in 128 letters"),
    pytest.param("/".join(["x" * 255] * 17), "a path of 4351 bytes", id="too long"),
    pytest.param("/".join(["a"] * 129), "has 129 parts; at most 128", id="too deep"),
]


@pytest.mark.parametrize("path", GOOD)
def test_a_path_gives_its_bytes(path: str) -> None:
    assert paths.check_path(path) == path.encode()


@pytest.mark.parametrize(("path", "words"), BAD)
def test_no_path(path: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        paths.check_path(path)


@pytest.mark.parametrize("target", ["a", "..", ".", "/", "/etc/passwd", "a//b/", "../" * 1365])
def test_a_target(target: str) -> None:
    paths.check_target(target)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param("", "a symlink target of 0 bytes", id="empty"),
        pytest.param("x" * 4096, "a symlink target of 4096 bytes; 1 to 4095", id="too long"),
        pytest.param("a\0", "control bytes", id="NUL"),
        pytest.param("a\r", "control bytes", id="carriage return"),
        pytest.param("\ud800", "not UTF-8", id="a surrogate"),
    ],
)
def test_no_target(target: str, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        paths.check_target(target)


@pytest.mark.parametrize(("path", "above"), [("a", ""), ("a/b", "a"), ("a/b/c", "a/b")])
def test_parent(path: str, above: str) -> None:
    assert paths.parent(path) == above


@pytest.mark.parametrize(
    ("path", "symlinks", "leaves"),
    [
        pytest.param("l", {"l": "a"}, False, id="beside it"),
        pytest.param("l", {"l": "."}, False, id="the top itself"),
        pytest.param("l", {"l": ".."}, True, id="above the top"),
        pytest.param("l", {"l": "/"}, True, id="absolute"),
        pytest.param("l", {"l": "/l"}, True, id="absolute, though such a path is inside"),
        pytest.param("d/l", {"d/l": ".."}, False, id="up to the top"),
        pytest.param("d/l", {"d/l": "../.."}, True, id="up beyond the top"),
        pytest.param("d/l", {"d/l": ".././/../d"}, True, id="out and back in"),
        pytest.param("l", {"l": "gone/nothing"}, False, id="to nothing"),
        pytest.param("l", {"l": "l"}, False, id="to itself"),
        pytest.param("l", {"l": "m", "m": "l"}, False, id="a loop of two"),
        pytest.param("l", {"l": "l/../../.."}, False, id="a loop that never comes to what leads out"),
        pytest.param("l", {"l": "m", "m": "/etc"}, True, id="to one that is absolute"),
        pytest.param("l", {"l": "m/x", "m": ".."}, True, id="through one that leaves"),
        pytest.param("l", {"l": "m/../x", "m": "d/e"}, False, id="back from where another leads"),
        pytest.param(
            "d/e/l", {"d/e/l": "m/../..", "d/e/m": "../.."}, True, id=".. of a symlink is not of its name"
        ),
        pytest.param("d/l", {"d/l": "m/..", "d/m": "../e"}, False, id=".. of a symlink stays inside"),
        pytest.param("l", {"l": "a-b", "a": ".."}, False, id="a name that another begins"),
    ],
)
def test_links_that_leave_the_build(path: str, symlinks: dict[str, str], leaves: bool) -> None:
    assert (paths.way_out(path, symlinks) is not None) is leaves


@pytest.mark.parametrize(
    ("symlinks", "names"),
    [
        ({"a": "b", "b": "c", "c": "/etc"}, "c"),
        ({"a": "b/x", "b": ".."}, "b"),
        ({"a": "d/b/x", "d/b": "../.."}, "d/b"),
        ({"a": "b/../..", "b": "d"}, "a"),
        ({"d/a": "../b", "b": "d/c", "d/c": "../../x"}, "d/c"),
    ],
)
def test_of_a_chain_the_link_that_leads_out_is_named(symlinks: dict[str, str], names: str) -> None:
    assert paths.way_out(next(iter(symlinks)), symlinks) == names


@pytest.mark.parametrize(("length", "leaves"), [(39, True), (40, True), (41, False), (1000, False)])
def test_a_chain_leads_as_far_as_the_kernel_follows_it(tmp_path: Path, length: int, leaves: bool) -> None:
    """40 symlinks are followed; a longer chain opens nothing (ELOOP)."""
    chain = {f"l{number}": f"l{number + 1}" for number in range(1, length)}
    chain[f"l{length}"] = ".."
    assert (paths.way_out("l1", chain) is not None) is leaves
    for name, target in chain.items():
        (tmp_path / name).symlink_to(target)
    if leaves:
        assert os.stat(tmp_path / "l1").st_ino == os.stat(tmp_path.parent).st_ino
    else:
        with pytest.raises(OSError, match="Too many levels") as caught:
            os.stat(tmp_path / "l1")
        assert caught.value.errno == errno.ELOOP


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("/".join(["a"] * 2040), id="ever deeper"),
        pytest.param("/".join(["a", ".."] * 1020), id="up and down"),
    ],
)
def test_links_whose_ways_multiply_are_given_up(end: str) -> None:
    """Each goes through the next one and then on for as long as a target may be: 80,000 parts to walk."""
    symlinks = {f"l{number}": f"l{number + 1}/{end}" for number in range(38)}
    assert paths.way_out("l0", {**symlinks, "l38": end}) is not None


def test_the_longest_targets_that_releases_have_are_followed() -> None:
    deep = "/".join(["d"] * 127)
    up = "../" * 127
    symlinks = {f"{deep}/l{number}": f"{up}{deep}/l{number + 1}" for number in range(3)}
    assert paths.way_out(f"{deep}/l0", symlinks) is None


# --- against the kernel ---------------------------------------------------------------------------

NAMES = st.sampled_from("abc")
PARTS = st.sampled_from(["a", "b", "c", "..", "..", ".", ""])
TARGETS = st.lists(PARTS, min_size=1, max_size=6).map("/".join).filter(lambda target: target.strip())
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


@st.composite
def builds(draw: Any) -> dict[str, Any]:
    """Paths to what they are: a symlink's target, or None for a directory. Parents are directories."""
    found: dict[str, Any] = {}
    for path, target in draw(st.lists(st.tuples(PATHS, st.none() | TARGETS), min_size=1, max_size=8)):
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts))]
        if path not in found and all(found.get(name) is None for name in above):
            found.update(dict.fromkeys(above))
            found[path] = target
    return found


@given(builds())
@example({"a": "b/../a//a"})
@settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_as_the_kernel_follows_links(build: dict[str, Any]) -> None:
    """Where the kernel arrives it is asked; where nothing is, it is asked part by part."""
    symlinks = {path: target for path, target in build.items() if target is not None}
    assume(symlinks)
    with tempfile.TemporaryDirectory() as scratch:
        top = os.path.join(os.path.realpath(scratch), "outside", "top")
        os.makedirs(top)
        for path in sorted(build):
            if build[path] is None:
                os.mkdir(os.path.join(top, path))
            else:
                os.symlink(build[path], os.path.join(top, path))
        reached = {path: arrive(os.path.join(top, path)) for path in symlinks}
        for path, end in reached.items():
            leaves = walk_leaves(path, top) if end is None else not is_inside(end, top)
            assert (paths.way_out(path, symlinks) is not None) is leaves


O_PATH = getattr(os, "O_PATH", 0o10000000)  # PyPy's os has no name for it


def arrive(path: str) -> Any:
    """Where the kernel comes out, or None when there is nothing."""
    try:
        fd = os.open(path, O_PATH)
    except OSError:
        return None
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def walk_leaves(path: str, top: str) -> bool:
    """Whether the way of ``path`` leaves ``top``, with a directory made wherever the kernel finds nothing.

    os.path.realpath cannot be asked: before Python 3.13 it errs about loops whose targets have // in them.
    """
    todo, hops = [*reversed(path.split("/"))], 0
    here = os.open(top, O_PATH)
    try:
        while todo:
            part = todo.pop()
            target = link_target(part, here) if part else None
            if target is not None:
                hops += 1
                if hops > paths.MAX_HOPS or target.startswith("/"):
                    return hops <= paths.MAX_HOPS
                todo.extend(reversed(target.split("/")))
            elif part:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
                below = os.open(part, O_PATH, dir_fd=here)
                os.close(here)
                here = below
                if not is_inside(os.readlink(f"/proc/self/fd/{here}"), top):
                    return True
        return False
    finally:
        os.close(here)


def link_target(name: str, directory: int) -> Any:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None


def is_inside(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")
