"""``--host``: some of the hosts that a command would go to. Pure.

Not for naming hosts that are not configured, which is what ``--to`` is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relstore.client.target import Target
from relstore.errors import UsageError


def chosen(targets: Sequence[Target], names: Sequence[str]) -> tuple[Target, ...]:
    """Those of the targets that a name means, in their own order. Raises UsageError for a name of none."""
    for name in names:
        if not any(name in spellings(target) for target in targets):
            raise _unknown(name, targets)
    return tuple(target for target in targets if any(name in spellings(target) for name in names))


def spellings(target: Target) -> Iterator[str]:
    """How a person may write which host is meant, shortest first."""
    if target.host is not None:
        yield target.host
    yield target.label
    yield str(target)


def _unknown(name: str, targets: Sequence[Target]) -> UsageError:
    from difflib import get_close_matches  # only when something is wrong

    if not targets:
        return UsageError(
            f"--host {name}: no target", hint="Set `to` in relstore.toml, or give --to user@host:/path."
        )
    known = list(dict.fromkeys(next(spellings(target)) for target in targets))
    near = get_close_matches(name, known, n=1)
    hint = f"Do you mean {near[0]!r}? " if near else ""
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    return UsageError(f"no host {name!r} among the targets", hint=f"{hint}They are {shown}.")
