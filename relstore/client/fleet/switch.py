"""Making a generation current at several hosts, one after the other, until one fails.

Not for what happens at each (``one_host``).
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.client.connection.connect import connected
from relstore.client.fleet import result
from relstore.client.fleet.one_host import _activate
from relstore.client.fleet.result import SKIPPED, Result
from relstore.client.operations import chain_check as past
from relstore.client.operations import preflight
from relstore.client.operations.access import Access
from relstore.client.operations.plan import ActivationOptions
from relstore.client.target import Target
from relstore.errors import RelstoreError
from relstore.formats.names import AppName


async def switch(
    spec: str, app: AppName | None, plan: ActivationOptions, targets: Sequence[Target], access: Access
) -> tuple[AppName | None, list[Result]]:
    """Make ``spec`` current at one target after the other, until one fails. Errors are in the results.

    Without ``app`` each store's only one is meant. Returns it as well, None when no store could say.
    """
    results: list[Result] = []
    for target in targets:
        if results and not results[-1].done:
            results += [Result(rest, SKIPPED) for rest in targets[len(results) :]]
            break
        try:
            async with connected(target, access.account, access.reporter) as session:
                app = await past.meant(session, app, access.account.heads, access.reporter.notice)
                await preflight.check(session, plan, preflight.request(app, plan), access.reporter.notice)
                results.append(await _activate(session, access.to(target), app, spec, plan))
        except RelstoreError as error:
            results.append(result.from_error(target, error))
    return app, results
