"""Reading a number of hosts: a count, or a percentage."""

from __future__ import annotations

import itertools
import re

from relstore.client.config.readers import several, string, type_name
from relstore.client.config.setting import PathBase, ValueType
from relstore.client.config.share import Share
from relstore.errors import UsageError

_EXAMPLE = 'For example 1 or "10%".'
_SHARE = re.compile(r"([0-9]{1,6})(%?)")


def read_share(value: object, base: PathBase) -> Share:
    """A count as a number or as text, or a percentage."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str):
        raise UsageError(f"must be a number or a string, not {type_name(value)}", hint=_EXAMPLE)
    share = share_of(text)
    if share is None:
        raise UsageError(f"{text!r} is not a number of hosts", hint=_EXAMPLE)
    return share


def read_shares(value: object, base: PathBase) -> tuple[Share, ...]:
    """One after the other, each at least as large as the one before as far as they can be compared."""
    shares = [read_share(item, base) for item in several([value] if type(value) is int else value, "share")]
    for before, share in itertools.pairwise(shares):
        if before.is_percent == share.is_percent and before.number >= share.number:
            raise UsageError(
                "does not grow", hint='Each number includes the one before: ["10%", "50%", "100%"].'
            )
    return tuple(shares)


def read_share_or_word(value: object, base: PathBase) -> Share | str:
    """A share, or the name of a group or of a host."""
    if isinstance(value, str) and not value[:1].isdigit():
        return string(value)
    return read_share(value, base)


def share_of(text: str) -> Share | None:
    """None for what is not one."""
    match = _SHARE.fullmatch(text)
    if not match or (match[2] and int(match[1]) > 100):
        return None
    return Share(int(match[1]), is_percent=bool(match[2]))


SHARE = ValueType("integer or string", "NUMBER[%]", read_share)
