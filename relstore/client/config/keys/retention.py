"""The keys that say what ``relstore gc`` keeps."""

from __future__ import annotations

from relstore.client.config.amounts import parse_size
from relstore.client.config.readers import BOOLEAN, SECONDS, string, type_name, whole_number
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.errors import UsageError

TITLE = "What is kept"
INTRO = (
    "Without any of `keep`, `keep-within` and `max-size`, `relstore gc` removes no generation. What is "
    "current, pinned, in use, or the next to roll back to is always kept."
)


def _keep(value: object, base: PathBase) -> int:
    from relstore.formats.retention import MAX_KEEP  # brings msgpack, which `--help` can do without

    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"must be an integer, not {type_name(value)}", hint="For example 5, without quotes.")
    if not 1 <= value <= MAX_KEEP:
        raise UsageError("is out of range", hint=f"Write a number from 1 to {MAX_KEEP}.")
    return value


def _size(value: object, base: PathBase) -> int:
    from relstore.formats.retention import MAX_SIZE  # as above

    size = parse_size(string(value))
    if not 1 <= size <= MAX_SIZE:
        raise UsageError("is out of range", hint='For example "5G".')
    return size


KEEP = Setting(
    "keep",
    ValueType("integer", "N", _keep, whole_number),
    help="Keep the last N good generations.",
    example=5,
    commands=("gc",),
)
KEEP_WITHIN = Setting(
    "keep-within",
    SECONDS,
    help="Keep the generations that were released within TIME.",
    example="30d",
    commands=("gc",),
)
MAX_SIZE = Setting(
    "max-size",
    ValueType("size", "SIZE", _size),
    help="Keep at most SIZE of an app's builds, and remove the oldest first.",
    more="It limits what the other keys keep.",
    example="5G",
    commands=("gc",),
)
GC = DefaultedSetting(
    "gc",
    BOOLEAN,
    help="Free what need not be kept, at each host, after a push that succeeded.",
    example=True,
    default=False,
    commands=("push",),
)
