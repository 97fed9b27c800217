"""Which hosts of a rollout are switched together: the canary first, then wave by wave. Pure.

A share is of the hosts that are to be switched. It is rounded up, and is never less than one host. Not for
how many hosts of one wave work at once (``machine``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from relstore.client.config.share import Share

Wave = tuple[int, ...]


def waves(
    hosts: Sequence[int], canary: Share | Collection[int], upto: Sequence[Share], batch: Share | None = None
) -> tuple[Wave, ...]:
    """The waves of ``hosts``, each of which is in exactly one of them; none is empty.

    ``canary``: so many of the first hosts, or these. ``upto``: what share of all hosts is switched after each
    wave, the canary included; the last wave takes the rest. ``batch``: instead, the size of every wave after
    the canary.
    """
    if isinstance(canary, Share):
        first, rest = _split(hosts, _count(canary, len(hosts)) if canary.number else 0)
    else:
        first = [host for host in hosts if host in canary]
        rest = [host for host in hosts if host not in canary]
    found = [first]
    if batch is not None:
        size = _count(batch, len(hosts))
        found += [rest[begin : begin + size] for begin in range(0, len(rest), size)]
    else:
        for share in upto:
            done = len(hosts) - len(rest)
            wave, rest = _split(rest, max(_count(share, len(hosts)) - done, 0))
            found.append(wave)
        found.append(rest)
    return tuple(tuple(wave) for wave in found if wave)


def _count(share: Share, total: int) -> int:
    return max(share.of(total), 1)


def _split(hosts: Sequence[int], count: int) -> tuple[list[int], list[int]]:
    return list(hosts[:count]), list(hosts[count:])
