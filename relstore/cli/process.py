"""The process around a command: Ctrl-C, the environment's gaps, standard streams, the exit code.

Not for what a command does, nor for its errors (``main``).
"""

from __future__ import annotations

import atexit
import os
import pwd
import signal
import threading
from typing import NoReturn

from relstore.cli import exit_codes
from relstore.cli.early import EARLY
from relstore.cli.streams import StandardStreams

_NARROWEST, _WIDEST = 20, 1000
"""Columns of a terminal. A program that prints tables cannot use less, and needs no more."""


def run() -> NoReturn:
    """Run the command line with streams to which writing never fails; end the process."""
    streams = StandardStreams.install()
    _complete_environment()
    at_start = signal.getsignal(signal.SIGINT)
    try:
        from relstore.cli.main import main

        if at_start is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
        code = exit_codes.DONE
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else exit_codes.FAILED
    except KeyboardInterrupt:  # a second one, while the first was being answered
        code = exit_codes.INTERRUPTED
    finally:
        # What is left is the interpreter's own clean-up, which would show a traceback.
        signal.signal(signal.SIGINT, at_start)
    EARLY.abandon()
    _finish_threads()
    atexit._run_exitfuncs()
    # As the interpreter would, but for the memory, which the kernel frees at once: it takes 36 ms.
    os._exit(streams.finish(code))


def _finish_threads() -> None:
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _complete_environment() -> None:
    """Give the libraries a home directory, and terminal sizes that they can work with."""
    if not os.environ.get("HOME"):
        os.environ["HOME"] = _home_of_account()
    columns = os.environ.get("COLUMNS", "")
    if columns and not (columns.isdecimal() and _NARROWEST <= int(columns[:9]) <= _WIDEST):
        del os.environ["COLUMNS"]


def _home_of_account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir or "/"
    except KeyError:
        return "/"
