"""The program's first lines, for ``relstore`` and ``python -m relstore``.

Ctrl-C must end the program quietly from the very beginning, so this imports nothing else before it has seen
to that. Not for anything that takes longer (``cli.process``).
"""

from __future__ import annotations

INTERRUPTED = 130

try:
    import gc
    import os
    import signal
    import sys
except KeyboardInterrupt:
    raise SystemExit(INTERRUPTED) from None


def start() -> None:
    """Run the command line, and end the process with its exit code."""
    # Somebody who started us with SIGINT ignored (nohup, a shell's background job) wants it to stay so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end_at_once)
    # What is imported stays, as do the entries of a large tree: to look for garbage among them every 700
    # objects takes 5 % of the start, and a quarter of a scan's time.
    gc.set_threshold(250_000)
    from relstore.cli.early import EARLY

    EARLY.begin(sys.argv[1:])
    from relstore.cli.process import run

    run()


def _end_at_once(*_: object) -> None:
    """While modules are imported there is only ssh to end, and a traceback helps nobody."""
    early = getattr(sys.modules.get("relstore.cli.early"), "EARLY", None)
    if early is not None:
        early.abandon()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    start()
