"""Which hosts a run is about, out of those that there are. Pure.

Not for reading them (``hosts``), nor for their order (``client.rollout.order``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

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
        wanted = {name for word in names for name in _meant(word, hosts, failed)}
        left = [host for host in left if host.name in wanted]
    if groups:
        known = list(dict.fromkeys(group for host in hosts for group in host.groups))
        for name in groups:
            if name not in known:
                raise UsageError(f"--group: no host is in the group {name!r}", hint=_suggestion(name, known))
        left = [host for host in left if set(host.groups) & set(groups)]
    if not left:
        raise UsageError("no host is in all that --hosts and --group name", hint="Leave one of them out.")
    return tuple(left)


def spellings(host: Host) -> Iterator[str]:
    """How a person may write which host is meant, shortest first."""
    if host.name != str(host.target):
        yield host.name
    if host.target.host is not None:
        yield host.target.host
    yield host.target.label
    yield str(host.target)


def _meant(word: str, hosts: Sequence[Host], failed: Sequence[str]) -> set[str]:
    """The names of the hosts that one word means. Raises UsageError where it means none."""
    names = {host.name for host in hosts}
    if word == FAILED_HOSTS:
        if not names & set(failed):
            raise UsageError(
                "no host failed in the last rollout from here", hint="Name the hosts, or leave --hosts out."
            )
        return names & set(failed)
    if not hosts:
        raise UsageError(
            f"--host {word}: no target", hint="Set `to` in relstore.toml, or give --to user@host:/path."
        )
    meant = {word} & names or {host.name for host in hosts if word in spellings(host)}
    if not meant:
        known = list(dict.fromkeys(next(spellings(host)) for host in hosts))
        raise UsageError(f"no host {word!r} among the targets", hint=_suggestion(word, known))
    return meant


def _suggestion(name: str, known: Sequence[str]) -> str:
    if not known:
        return "relstore.toml names none."
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Do you mean {near[0]!r}? " if near else ""
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return f"{hint}They are {shown}."
