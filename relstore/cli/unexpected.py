"""What a person is told about an exception that nobody provided for.

A machine that has run out of something is told apart from a bug. Not for errors of relstore's own, which
carry their message.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from itertools import chain

from relstore.errors import UnexpectedError

_EXHAUSTED = {
    errno.EMFILE: "Raise the limit of open files (`ulimit -n 4096`), or name fewer hosts at a time.",
    errno.ENFILE: "Close other programs on this machine.",
    errno.ENOSPC: "Free disk space on this machine.",
    errno.EDQUOT: "Free disk space on this machine.",
    errno.ENOMEM: "Free memory on this machine.",
    errno.EAGAIN: "Raise the limit of processes (`ulimit -u`), or end some.",
    errno.EIO: "Look at this machine's disk (`dmesg`).",
    errno.EROFS: "Make that file system writable.",
}
"""What to do about an OSError that is not the program's fault."""

_UNKNOWN = "No host was being asked at that moment; `relstore status` shows what was done before."
_REPORT = "Run it again with -v, and report the command and all it printed to relstore's maintainers."


def say_accepted(error: BaseException, accepted: Mapping[str, str]) -> None:
    """Have ``error`` carry which jobs hosts had accepted when it was raised, by the hosts' labels."""
    for host, job in accepted.items():
        error.add_note(f"{host} had accepted job {job} and continues with it: `relstore attach {job}`.")
    if not accepted:
        error.add_note("No host had accepted an activation.")


def unexpected(error: Exception) -> UnexpectedError:
    """The message about ``error``: what, whether a host had accepted anything, what to do."""
    notes = dict.fromkeys(chain.from_iterable(getattr(each, "__notes__", ()) for each in _all(error)))
    state = " ".join(notes) or _UNKNOWN
    cause = next((each for each in _all(error) if not isinstance(each, ExceptionGroup)), error)
    if isinstance(cause, MemoryError):
        return UnexpectedError("this machine has no memory left", state=state, hint=_EXHAUSTED[errno.ENOMEM])
    if isinstance(cause, OSError) and cause.errno in _EXHAUSTED:
        where = f"{cause.filename}: " if cause.filename is not None else ""
        what = f"this machine refused something: {where}{cause.strerror}"
        return UnexpectedError(what, state=state, hint=_EXHAUSTED[cause.errno])
    return UnexpectedError(
        f"this is a bug in relstore: {_one_line(cause)}{_place(cause)}", state=state, hint=_REPORT
    )


def trace(error: Exception) -> str:
    """The traceback, for whoever reads the source."""
    import traceback  # only when something has gone wrong

    return "".join(traceback.format_exception(error)).rstrip("\n")


def _all(error: BaseException) -> Iterable[BaseException]:
    """The exception, and those of a group."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _all(each)


def _one_line(error: BaseException) -> str:
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words[:300]}" if words else type(error).__name__


def _place(error: BaseException) -> str:
    """The innermost line of relstore's own that it passed."""
    place, step = "", error.__traceback__
    while step is not None:
        module = step.tb_frame.f_globals.get("__name__", "")
        if str(module).startswith("relstore."):
            place = f" ({module}, line {step.tb_lineno})"
        step = step.tb_next
    return place
