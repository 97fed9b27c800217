"""One client's session: reads its requests, has each answered, and says what went wrong.

Errors become ``Failure`` replies; a bug ends the session. Not for who answers which request (``answers``).
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from relstore import protocol
from relstore.errors import NoStoreError, RelstoreError, UnexpectedError
from relstore.host.answers import Answers
from relstore.host.connection import Wire
from relstore.host.hello import hello
from relstore.host.helpers import Bundle
from relstore.host.requests import bounds, changing, runtime_directory
from relstore.store.root import explain


class RequestServer:
    """Serves one client until it hangs up."""

    def __init__(self, root: str, bundle: Bundle, wire: Wire) -> None:
        self._root = root
        self._wire = wire
        self._answers = Answers(root, bundle, wire)

    def run(self) -> None:
        """Say hello, then answer requests until the input ends."""
        try:
            self._wire.send(hello(self._root))
            while self._serve_next():
                pass
        except BrokenPipeError:
            pass  # the client is gone; what it had accepted goes on without it
        finally:
            self._answers.close()

    def _serve_next(self) -> bool:
        """Answer one request; False when there is none any more."""
        try:
            message = self._wire.receive()
        except RelstoreError as error:
            # The two sides are out of step: say so once and end.
            self._wire.send(protocol.Failure.of(error))
            return False
        if message is None:
            return False
        try:
            bounds.check(message.value)
            self._check_may_change(message.value)
            self._answers.of(type(message.value))(runtime_directory.filled_in(message.value))
        except BrokenPipeError:
            raise
        except RelstoreError as error:
            self._wire.send(protocol.Failure.of(error))
        except OSError as error:
            self._wire.send(protocol.Failure.of(explain(error, f"the store at {self._root}")))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked is told, and not cut off
            self._wire.send(protocol.Failure.of(_unexpected(error)))
            return False  # nobody knows what of the request was done
        return True

    def _check_may_change(self, request: Any) -> None:
        if changing.is_change(request):
            with contextlib.suppress(NoStoreError):  # what is not there yet is made as this one knows it
                self._answers.store().check_may_change()


def _unexpected(error: Exception) -> UnexpectedError:
    """A bug in this program; the trace goes where the client shows what the helper said."""
    sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, MemoryError):
        what = "the host has no memory left"
    else:
        what = f"this is a bug in relstore, on the host: {type(error).__name__}: {error}"
    return UnexpectedError(
        what[:1000],
        state="A part of it may be done there: `relstore status` shows what is.",
        hint="Report the command and all it printed to relstore's maintainers.",
    )
