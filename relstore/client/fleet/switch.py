"""Making a generation current at several hosts, one after the other, until one fails.

Not for what is done at each (``one_host``), nor for deciding which is next (``sequence``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.client.fleet import one_host, sequence
from relstore.client.fleet.result import WAITING, HostResult
from relstore.client.operations.access import Access
from relstore.client.operations.plan import ActivationOptions
from relstore.client.target import Target
from relstore.formats.names import AppName


async def switch(
    spec: str, app: AppName | None, options: ActivationOptions, targets: Sequence[Target], access: Access
) -> tuple[AppName | None, list[HostResult]]:
    """Make ``spec`` current at one target after the other, until one fails. Errors are in the results.

    Without ``app`` each store's only one is meant. Returns it as well, None when no store could say.
    """
    results = [HostResult(target, WAITING) for target in targets]
    while (index := sequence.next_host(results)) is not None:
        results[index] = await one_host.switch(access.to(targets[index]), app, spec, options)
        app = results[index].app
    return app, sequence.ended(results)
