"""Standard streams to which writing never fails: a deployment must not end because nobody can read about it.

A terminal that is gone, a full disk or a closed pipe loses text, and the exit code says so; a character that
the terminal's encoding lacks is shown as an escape. Not for what is printed (``console``).
"""

from __future__ import annotations

import io
import os
import select
import sys
from dataclasses import dataclass
from typing import TextIO

from relstore.cli import exit_codes


class LossyOutput(io.RawIOBase):
    """A descriptor. After the first error, which ``problem`` keeps, it swallows what is written."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.problem: OSError | None = None

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        while self.problem is None:
            try:
                return os.write(self._descriptor, view)
            except BlockingIOError:  # another program has made the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.problem = error
        return view.nbytes


@dataclass(frozen=True)
class StandardStreams:
    """The output that ``sys.stdout`` now writes to."""

    output: LossyOutput

    @classmethod
    def install(cls) -> StandardStreams:
        """Open what is closed on /dev/null, and put ``sys.stdout`` and ``sys.stderr`` on lossy outputs."""
        _open_closed()
        output = LossyOutput(1)
        sys.stdout = _text(output, sys.stdout, line_buffering=output.isatty())
        sys.stderr = _text(LossyOutput(2), sys.stderr, line_buffering=True)
        return cls(output)

    def finish(self, code: int) -> int:
        """Flush. Returns the exit code: a report that nobody got is no success."""
        sys.stdout.flush()
        problem = self.output.problem
        if problem is not None and not isinstance(problem, BrokenPipeError):
            sys.stderr.write(
                f"error: the output could not be written: {problem.strerror}\n"
                f"  now:  The command itself ended with exit code {code}.\n"
            )
        sys.stderr.flush()
        return exit_codes.OUTPUT_LOST if problem is not None and code == exit_codes.DONE else code


def nobody_reads() -> bool:
    """Whether standard output cannot be written any more, so that there is no point in going on."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, LossyOutput):
        return False
    poll = select.poll()
    poll.register(raw.fileno(), 0)  # a pipe without a reader, or a terminal that is gone, shows by itself
    return raw.problem is not None or bool(poll.poll(0))


def _open_closed() -> None:
    """Otherwise the next file or connection gets the number of a standard stream, and our text."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this one
            os.set_inheritable(descriptor, True)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process lives


def _text(output: LossyOutput, present: TextIO | None, *, line_buffering: bool) -> io.TextIOWrapper:
    encoding = present.encoding if present is not None else "utf-8"
    buffered = io.BufferedWriter(output)
    return io.TextIOWrapper(buffered, encoding, "backslashreplace", line_buffering=line_buffering)
