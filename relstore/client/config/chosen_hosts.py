"""Which hosts a run is about, out of those that there are. Pure.

Not for reading them (``hosts``), nor for their order (``client.rollout.order``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence

from relstore.client.config.hosts import Host
from relstore.client.config.keys.hosts import FAILED_HOSTS
from relstore.errors import UsageError


def chosen(
    hosts: Sequence[Host], names: Sequence[str], groups: Sequence[str], failed: Sequence[str]
) -> tuple[Host, ...]:
    """Those of ``hosts`` that ``names`` and ``groups`` leave, as they were typed; each narrows the run where
    it is given.

    ``failed``: what the name ``failed`` stands for. Raises UsageError for a name that is none, and when
    nothing is left.
    """
    for word in _names_in(names, hosts):
        if not _meant(word, hosts, failed):
            raise _means_none(word, hosts)
    known = list(dict.fromkeys(group for host in hosts for group in host.groups))
    for name in _groups_in(groups):
        if name not in known:
            raise UsageError(f"--group: no host is in the group {name!r}", hint=_suggestion(name, known))
    left = kept(hosts, names, groups, failed)
    if not left and (names or groups):
        raise UsageError("no host is in all that --hosts and --group name", hint="Leave one of them out.")
    return left


def kept(
    hosts: Sequence[Host], names: Sequence[str], groups: Sequence[str], failed: Sequence[str]
) -> tuple[Host, ...]:
    """As ``chosen``, where a name may mean none of these hosts, and nothing may be left."""
    left = list(hosts)
    if names:
        wanted = {name for word in _names_in(names, hosts) for name in _meant(word, hosts, failed)}
        left = [host for host in left if host.name in wanted]
    if groups:
        left = [host for host in left if set(host.groups) & set(_groups_in(groups))]
    return tuple(left)


def spellings(host: Host) -> Iterator[str]:
    """How a person may write which host is meant, shortest first."""
    if host.name != str(host.target):
        yield host.name
    if host.target.host is not None:
        yield host.target.host
    yield host.target.label
    yield str(host.target)


def _names_in(texts: Sequence[str], hosts: Sequence[Host]) -> list[str]:
    """The names in what was typed. A comma ends one, unless a host is called so: a path may have commas."""
    known = {name for host in hosts for name in spellings(host) if "," in name}
    return [name for text in texts for name in _filled(_joined(_parts(text), known))]


def _joined(parts: list[str], known: Collection[str]) -> Iterator[str]:
    """The parts, several of them as one where that is ``known``."""
    while parts:
        several = (",".join(parts[:count]) for count in range(len(parts), 1, -1))
        name = next((each for each in several if each in known), parts[0])
        yield name
        parts = parts[name.count(",") + 1 :]


def _groups_in(texts: Sequence[str]) -> list[str]:
    return [name for text in texts for name in _filled(_parts(text))]


def _filled(words: Iterable[str]) -> list[str]:
    """Without empty ones. Where there are no others, one stays and names nothing: it must not mean all."""
    return [word for word in words if word] or [""]


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _meant(word: str, hosts: Sequence[Host], failed: Sequence[str]) -> set[str]:
    """The names of the hosts that one word means."""
    names = {host.name for host in hosts}
    if word == FAILED_HOSTS:
        return names & set(failed)
    return {word} & names or {host.name for host in hosts if word in spellings(host)}


def _means_none(word: str, hosts: Sequence[Host]) -> UsageError:
    if word == FAILED_HOSTS:
        return UsageError(
            "no host failed in the last rollout from here", hint="Name the hosts, or leave --hosts out."
        )
    if not hosts:
        return UsageError(
            f"--host {word}: no target", hint="Set `to` in relstore.toml, or give --to user@host:/path."
        )
    known = list(dict.fromkeys(next(spellings(host)) for host in hosts))
    return UsageError(f"no host {word!r} among the targets", hint=_suggestion(word, known))


def _suggestion(name: str, known: Sequence[str]) -> str:
    if not known:
        return "relstore.toml names none."
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Do you mean {near[0]!r}? " if near else ""
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return f"{hint}They are {shown}."
