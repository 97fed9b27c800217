"""Trees of Debian's suites, each with nothing but what a host of relstore needs: SSH, systemd, sudo and python3-minimal.

mmdebstrap makes a tree once, from the mirror that apt uses on this machine, and it is kept outside of the checkout. Run as
a program, it makes those of the suites that it is given, and says for each whether it is there.

Not for booting them (``systemd.py``), and not for pytest: it needs only the standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SUITES = ("bullseye", "bookworm", "trixie", "sid")
"""From the oldest one whose Python is new enough to the one that Debian develops."""

MIRROR = "RELSTORE_TEST_MIRROR"
"""The variable for another mirror than apt's, such as http://HOST/debian."""
TREES = "RELSTORE_TEST_TREES"
"""The variable for another directory than this one:"""
_CACHE = Path("/var/cache/relstore-tests/trees")

PACKAGES = (
    "dbus",
    "libpam-systemd",
    "mount",
    "openssh-server",
    "python3-minimal",
    "sudo",
    "systemd",
    "systemd-sysv",
)
_DPKG_OPTIONS = (
    "force-unsafe-io",  # a tree that is not complete is thrown away
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/man/*",
)
# Before bookworm /bin need not be a link to /usr/bin, and since then it must be.
_HOOK = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"
_APT_HELPER = "/usr/lib/apt/apt-helper"
# How apt reaches its mirror on this machine: a proxy, the number of tries, whether old lists are accepted.
_APT_OPTIONS = ("Acquire::Check-", "Acquire::ForceIPv", "Acquire::Retries", "Acquire::http", "Acquire::https")
ATTEMPTS = 3
_PAUSE_S = 5.0
_ANSWER_S = "20"
_MAKING_S = 600.0
_MAKING = ".making-"


class NoTreeError(Exception):
    """A tree is not there and cannot be made; the text says why."""


def tree(suite: str) -> Path:
    """The tree of a suite, which is made if it is not there. It takes half a minute, and 200 MB. Raises NoTreeError."""
    place = _place(suite)
    if place.is_dir():
        return place
    if missing := [name for name in ("mmdebstrap", _APT_HELPER) if not shutil.which(name)]:
        raise NoTreeError(f"no {', '.join(missing)} on this machine (Debian: mmdebstrap, apt)")
    if os.geteuid() != 0:
        raise NoTreeError("making a tree needs root")
    place.parent.mkdir(parents=True, exist_ok=True)
    with _lock(place):
        if not place.is_dir():
            _try_to_make(suite, place)
    return place


def _place(suite: str) -> Path:
    recipe = hashlib.sha256("\n".join((suite, *PACKAGES, *_DPKG_OPTIONS)).encode()).hexdigest()
    return Path(os.environ.get(TREES) or _CACHE) / f"{suite}-{recipe[:12]}"


@contextmanager
def _lock(place: Path) -> Iterator[None]:
    """Two runs of the tests do not make the same tree at once."""
    with open(place.with_name(f"{place.name}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_to_make(suite: str, place: Path) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _make(suite, place, _mirror(suite))
        except NoTreeError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(_PAUSE_S * attempt)
        else:
            return


def _make(suite: str, place: Path, mirror: str) -> None:
    """Make it beside its place, and move it there when it is complete."""
    for left in place.parent.glob(f"{_MAKING}{suite}-*"):  # by a run that was killed; we have the lock
        shutil.rmtree(left)
    directory = Path(tempfile.mkdtemp(prefix=f"{_MAKING}{suite}-", dir=place.parent))
    try:
        options = directory / "apt.conf"
        options.write_text(_apt_options())
        made = directory / "tree"
        # In a mount namespace of its own, so that no /proc stays mounted in the tree, whatever becomes of it.
        words = [
            *("unshare", "--mount", "--propagation", "private"),
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--hook-dir={_HOOK}"),
            *(f"--include={','.join(PACKAGES)}", f"--aptopt={options}"),
            *(f"--dpkgopt={option}" for option in _DPKG_OPTIONS),
            *(suite, str(made), f"deb {mirror} {suite} main"),
        ]
        _run(words, _MAKING_S, f"mmdebstrap cannot make {suite}")
        (made / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)  # this machine's way to its mirror
        (made / "etc/apt/sources.list").write_text("")
        made.rename(place)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _mirror(suite: str) -> str:
    """The first of apt's mirrors, or the one of the variable, that has the suite. Raises NoTreeError."""
    chosen = os.environ.get(MIRROR)
    mirrors = [chosen] if chosen else _mirrors_of_apt()
    why = "apt has no sources on this machine"
    for mirror in mirrors:
        with tempfile.TemporaryDirectory() as directory:
            release = f"{mirror.rstrip('/')}/dists/{suite}/InRelease"
            options = ("-o", f"Acquire::http::Timeout={_ANSWER_S}", "-o", "Acquire::Retries=0")
            words = [_APT_HELPER, *options, "download-file", release]
            try:
                _run([*words, f"{directory}/InRelease"], 3 * float(_ANSWER_S), f"no {release}")
            except NoTreeError as error:
                why = str(error)
            else:
                return mirror
    raise NoTreeError(why)


def _mirrors_of_apt() -> list[str]:
    words = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    return list(dict.fromkeys(_run(words, _MAKING_S, "apt has no sources").splitlines()))


def _apt_options() -> str:
    lines = _run(["apt-config", "dump"], _MAKING_S, "apt has no configuration").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(_APT_OPTIONS))


def _run(words: list[str], seconds: float, what: str) -> str:
    """Its output. Raises NoTreeError with the last lines of what it printed."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        ran = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=environment,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoTreeError(f"{what}: no end within {seconds:.0f} s") from None
    if ran.returncode:
        raise NoTreeError(f"{what}: {' '.join((ran.stderr or ran.stdout).split())[-600:]}")
    return ran.stdout


def main() -> int:
    """Make the trees of the suites in the arguments; 0 if all are there."""
    missing = 0
    for suite in sys.argv[1:] or SUITES:
        began = time.monotonic()
        try:
            tree(suite)
        except NoTreeError as error:
            missing += 1
            print(f"{suite}: not there: {error}", flush=True)
        else:
            print(f"{suite}: there after {time.monotonic() - began:.0f} s", flush=True)
    return min(missing, 1)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
