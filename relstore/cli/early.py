"""The very first thing of a run: ssh is started again as the same command line started it before.

What ssh is started for follows from the command line, the environment, the directory and relstore.toml, but
only after 60 ms of imports. So it is remembered together with all of these, and where they are the same
again, ssh starts before anything else is imported. It is not believed, though: when the run itself has
found out what to start, what was started otherwise is ended. Not for finding that out (``invocation``).
"""

from __future__ import annotations

import contextlib
import os

import relstore
from relstore.client.connection.transport.openssh.spawn import SpawnedSSH, SSHPlan, spawn

try:
    from _blake2 import blake2b  # hashlib's own, without OpenSSL, which takes longer to load than all of this
except ImportError:
    from hashlib import blake2b

_MAGIC = "relstore-early 2"
_END = "end"
_FILE_NAME = "relstore.toml"
_STATE_VARIABLE = "RELSTORE_STATE_DIR"
_MAX_BYTES = 256 * 1024
_MESSAGES = ("-m", "--message", "--note")
"""The word after these changes with each run, and nothing depends on it."""
_VARIABLES = ("HOME", "PATH", "TMPDIR", "TEMP", "TMP", "XDG_CONFIG_HOME", "USER", "LOGNAME")


class EarlyStart:
    """What was begun in this run, and what it rests on."""

    def __init__(self) -> None:
        self._begun: list[SpawnedSSH] = []
        self._circumstances = ""
        self._path = ""
        self._recalled: tuple[SSHPlan, ...] = ()

    def begin(self, words: list[str]) -> None:
        """Start what was started the last time, if anything was."""
        with contextlib.suppress(OSError, ValueError, NotImplementedError):  # it starts a little later then
            for fd in (0, 1, 2):
                os.fstat(fd)  # a pipe must not get the number of a standard stream
            self._circumstances = _circumstances(words)
            self._path = _place(self._circumstances)
            self._recalled = _recall(self._path, self._circumstances)
            for plan in self._recalled:
                self._begun.append(spawn(plan, dict(os.environ)))

    def take(self) -> list[SpawnedSSH]:
        """What was begun; it is for the caller to use or to end."""
        begun, self._begun = self._begun, []
        return begun

    def abandon(self) -> None:
        """End what nobody took."""
        for spawned in self.take():
            spawned.abandon()

    def remember(self, plans: list[SSHPlan], configuration: str) -> None:
        """What this run has started, and the relstore.toml that it follows from (``""``: none)."""
        if self._path and tuple(plans) != self._recalled:
            with contextlib.suppress(OSError, ValueError):  # the next run starts it later then
                _keep(self._path, self._circumstances, plans, configuration)


EARLY = EarlyStart()
"""Of this process."""


def _circumstances(words: list[str]) -> str:
    """All that decides which ssh is started, but for the file that ``--config`` may name; as a digest, since
    nobody knows what a person may have written there."""
    variables = sorted(
        (name, value)
        for name, value in os.environ.items()
        if name.startswith("RELSTORE_") or name in _VARIABLES
    )
    said = ["" if before in _MESSAGES else word for before, word in zip(["", *words], words, strict=False)]
    directory = os.getcwd()
    all_of_it = repr(
        (relstore.__version__, os.getuid(), os.isatty(0), said, directory, _nearest(directory), variables)
    )
    return str(blake2b(all_of_it.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest())


def _nearest(directory: str) -> str:
    """The relstore.toml that is found from ``directory``, with its stamp."""
    while True:
        stamp = _stamp(os.path.join(directory, _FILE_NAME))
        above = os.path.dirname(directory)
        if stamp or above == directory:
            return f"{directory} {stamp}"
        directory = above


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _place(circumstances: str) -> str:
    """The file for these circumstances. Raises ValueError where there is no place for it."""
    state = os.environ.get(_STATE_VARIABLE)
    if not state:
        base = os.environ.get("XDG_STATE_HOME") or os.path.join(
            os.environ.get("HOME") or "", ".local", "state"
        )
        state = os.path.join(base, "relstore")
    if not os.path.isabs(state):  # without HOME
        raise ValueError(state)
    # So that there are never more than 256, whatever was typed.
    return os.path.join(state, "early", circumstances[:2])


def _keep(path: str, circumstances: str, plans: list[SSHPlan], configuration: str) -> None:
    if not plans:
        os.unlink(path)
        return
    fields = [_MAGIC, circumstances, configuration, _stamp(configuration)]
    for plan in plans:
        fields += ["leads" if plan.leads else "", plan.configuration, plan.temporary]
        fields += [plan.opening.decode("latin-1"), str(len(plan.words))]
        fields += plan.words
    fields.append(_END)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        file.write(b"".join(field.encode("unicode_escape") + b"\n" for field in fields))
    os.replace(temporary, path)


def _recall(path: str, circumstances: str) -> tuple[SSHPlan, ...]:
    """What was kept, where the circumstances are the same. Raises OSError, ValueError."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            return ()
        lines = [line.decode("unicode_escape") for line in file.read(_MAX_BYTES).split(b"\n")[:-1]]
    magic, then, configuration, stamp, *rest, end = lines
    if (magic, then, end) != (_MAGIC, circumstances, _END) or _stamp(configuration) != stamp:
        return ()
    plans = []
    while rest:
        leads, text, temporary, opening, count, *rest = rest
        words, rest = tuple(rest[: int(count)]), rest[int(count) :]
        plans.append(SSHPlan(words, text, temporary, leads=bool(leads), opening=opening.encode("latin-1")))
    return tuple(plans)
