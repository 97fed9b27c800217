"""The stream maker of one push, made when something has to be sent: it and what it needs take longer to load
than a push takes that finds everything there.

Not for making streams (``stream_maker``).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relstore.client.artifact.scan import Scan
    from relstore.client.transfer.send_options import SendOptions
    from relstore.client.transfer.stream_maker import StreamMaker
    from relstore.formats.names import AppName


class StreamSource:
    """``close`` it when everything has been sent."""

    def __init__(self, options: SendOptions, app: AppName, scan: Scan, order: Sequence[str] = ()) -> None:
        """``order``: the labels of the hosts, those that are sent to first in front."""
        self._options, self._app, self._scan = options, app, scan
        self._order = order
        self._lock = threading.Lock()
        self._maker: StreamMaker | None = None

    @property
    def maker(self) -> StreamMaker:
        """One for all hosts."""
        with self._lock:
            if self._maker is None:
                from relstore.client.transfer.stream_maker import StreamMaker

                self._maker = StreamMaker(self._options, self._app, self._scan, self._order)
            return self._maker

    async def close(self) -> None:
        """Stop what is still being made, and put to an origin."""
        if self._maker is not None:
            if self._maker.origin is not None:
                await self._maker.origin.close()
            self._maker.close()
