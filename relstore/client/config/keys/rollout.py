"""The keys for a command that works on several hosts."""

from __future__ import annotations

import re

from relstore.client.config.keys.service import RUNNING
from relstore.client.config.readers import type_name
from relstore.client.config.setting import DefaultedSetting, PathBase, ValueType
from relstore.client.config.share import Share
from relstore.errors import UsageError

TITLE = "Several hosts"
INTRO = ""

_EXAMPLE = 'For example 1 or "10%".'
_SHARE = re.compile(r"([0-9]{1,6})(%?)")


def _share(value: object, base: PathBase) -> Share:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str):
        raise UsageError(f"must be a number or a string, not {type_name(value)}", hint=_EXAMPLE)
    match = _SHARE.fullmatch(text)
    if not match or (match[2] and int(match[1]) > 100):
        raise UsageError(f"{text!r} is not a number of hosts", hint=_EXAMPLE)
    return Share(int(match[1]), is_percent=bool(match[2]))


MAX_UNREACHABLE = DefaultedSetting(
    "max-unreachable",
    ValueType("integer or string", "NUMBER[%]", _share),
    help="Continue without hosts that cannot be reached, up to so many of them.",
    more="It is a count or a percentage of all hosts, rounded up. With more of them, nothing is changed "
    "anywhere.",
    example=1,
    default=0,
    commands=(*RUNNING, "mark", "pin", "delete-generations"),
)
