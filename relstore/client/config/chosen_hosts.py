"""Which hosts a run is about, out of those that there are. Pure.

Not for reading them (``hosts``), nor for their order (``client.rollout.order``).
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from relstore.client.config.hosts import Host
from relstore.client.config.keys.hosts import FAILED_HOSTS
from relstore.errors import UsageError


def chosen(
    hosts: Sequence[Host], names: Sequence[str], groups: Sequence[str], failed: Sequence[str]
) -> tuple[Host, ...]:
    """Those of ``hosts`` that ``names`` and ``groups`` leave; each narrows the run where it is given.

    ``failed``: what the name ``failed`` stands for. Raises UsageError for a name that is none, and when
    nothing is left.
    """
    if not (names or groups):
        return tuple(hosts)
    left = list(hosts)
    if names:
        wanted = {name for word in names for name in (failed if word == FAILED_HOSTS else [word])}
        if FAILED_HOSTS in names and not wanted & {host.name for host in hosts}:
            raise UsageError(
                "no host failed in the last rollout from here", hint="Name the hosts, or leave --hosts out."
            )
        known = [host.name for host in hosts]
        for name in sorted(wanted - {*known, *failed}):
            raise UsageError(f"--hosts: there is no host {name!r}", hint=_suggestion(name, known))
        left = [host for host in left if host.name in wanted]
    if groups:
        known = list(dict.fromkeys(group for host in hosts for group in host.groups))
        for name in sorted(set(groups) - set(known)):
            raise UsageError(f"--group: no host is in the group {name!r}", hint=_suggestion(name, known))
        left = [host for host in left if set(host.groups) & set(groups)]
    if not left:
        raise UsageError("no host is in all that --hosts and --group name", hint="Leave one of them out.")
    return tuple(left)


def _suggestion(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"Do you mean {near[0]!r}?"
    return f"There are {', '.join(known[:20])}." if known else "relstore.toml names none."
