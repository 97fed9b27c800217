"""The keys of the table ``[rollout]``: how several hosts get a release, wave by wave."""

from __future__ import annotations

from relstore.client.config.keys.service import RUNNING
from relstore.client.config.readers import (
    COMMAND,
    MILLISECONDS,
    SECONDS,
    one_of,
    several,
    string,
    type_name,
    whole_number,
)
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType
from relstore.client.config.share_reader import SHARE, read_share_or_word, read_shares
from relstore.errors import UsageError

TITLE = "Rollouts"
INTRO = (
    "With several hosts, a release is staged on all of them first. One host gets it then, the canary, and "
    "after it the others, in waves. When it fails on more than `max-failures` of them, those that have it go "
    "back."
)
TABLE = "rollout"

_REVERT = "revert"
_ON_FAILURE = (_REVERT, "stop", "continue")
_MAX_PARALLEL = 1000
MAX_PAUSES = 1000
"""The last wave after which it can pause."""
_PAUSES = ("canary", "each", "never")
_PAUSE_HINT = 'Write "canary", "each", "never", or the numbers of waves: [1, 3].'
_URL_BEGINS = ("http://", "https://")


def _words(value: object, base: PathBase) -> tuple[str, ...]:
    return tuple(string(word).strip() for word in several(value, "word"))


def _parallel(value: object, base: PathBase) -> int:
    if type(value) is not int:
        raise UsageError(
            f"must be an integer, not {type_name(value)}", hint="For example 20, without quotes."
        )
    if not 1 <= value <= _MAX_PARALLEL:
        raise UsageError("is out of range", hint=f"Write a number from 1 to {_MAX_PARALLEL}.")
    return value


def _url(value: object, base: PathBase) -> str:
    url = string(value)
    if not url.startswith(_URL_BEGINS) or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"{url!r} is not a URL", hint="For example https://example.org/health.")
    return url


def _pause(value: object, base: PathBase) -> str | tuple[int, ...]:
    if isinstance(value, str) and value in _PAUSES:
        return value
    items = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
    waves = tuple(_wave(item) for item in items)
    if not waves:
        raise UsageError("names no wave", hint=_PAUSE_HINT)
    return waves


def _wave(item: object) -> int:
    number = int(item) if isinstance(item, str) and item.strip().isdecimal() else item
    if type(number) is not int or not 1 <= number <= MAX_PAUSES:
        raise UsageError(f"{str(item)[:40]!r} is neither a wave nor a word for some", hint=_PAUSE_HINT)
    return number


def _on_failure(value: object, base: PathBase) -> str:
    return one_of(value, _ON_FAILURE, "a way to go on")


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


ORDER = Setting(
    "order",
    ValueType("list of strings", "WORD[,WORD]", _words, from_flag=_list),
    help="The order in which the hosts get their turn: names of hosts or of groups.",
    more='`"*"` stands for the hosts that no other word names, which else come last.',
    example=["eu", "*"],
    absent="as they are written",
    commands=RUNNING,
    tables=(TABLE,),
)
CANARY = DefaultedSetting(
    "canary",
    ValueType("integer or string", "NUMBER[%]|GROUP", read_share_or_word),
    help="The hosts that get the release before all others: so many, or a group.",
    more="A percentage is rounded up. 0 means none.",
    example=1,
    default=1,
    commands=RUNNING,
    tables=(TABLE,),
)
WAVES = Setting(
    "waves",
    ValueType("list of strings or integers", "NUMBER[%],...", read_shares, from_flag=_list),
    help="How many of the hosts have the release after each wave, the canary included.",
    more="Each is a count or a percentage of the hosts that are to be switched, rounded up. What is left "
    "comes in a last wave.",
    example=["10%", "50%", "100%"],
    absent="one wave after the canary",
    commands=RUNNING,
    tables=(TABLE,),
)
BATCH = Setting(
    "batch",
    SHARE,
    help="Instead of `waves`: how many hosts get the release in each wave after the canary.",
    example=5,
    commands=RUNNING,
    tables=(TABLE,),
)
MAX_PARALLEL = Setting(
    "max-parallel",
    ValueType("integer", "N", _parallel, whole_number),
    help="How many hosts of a wave are activated at the same time.",
    example=20,
    absent="1, or 20 with `waves` or `batch`",
    commands=RUNNING,
    tables=(TABLE,),
)
PAUSE = DefaultedSetting(
    "pause",
    ValueType("string or list of integers", "WORD|N[,N]", _pause),
    help="After which waves to wait for a person: canary, each, never, or the numbers of waves.",
    more="The command ends with exit code 8 then, and `relstore rollout promote` goes on, from any machine.",
    example="canary",
    default="never",
    commands=RUNNING,
    tables=(TABLE,),
)
ONCE = Setting(
    "once",
    COMMAND,
    help="Run this command once, on the first host, in the new build, before any host gets the release.",
    more="It runs when the release is on all hosts. If it fails, nothing is switched. What it did is not "
    "undone when the release goes back. It may take as long as `hook-timeout`.",
    example="./migrate up",
    commands=("push", "rollout"),
    tables=(TABLE,),
)
BAKE = DefaultedSetting(
    "bake",
    MILLISECONDS,
    help="How long all switched hosts are watched after each wave.",
    more="A host that is not healthy any more, or runs another release, counts as failed.",
    example="30s",
    default="0s",
    commands=RUNNING,
    tables=(TABLE,),
)
CHECK_HTTP = Setting(
    "check-http",
    ValueType("URL", "URL", _url),
    help="Go on after a wave only if this URL answers this machine with a status below 400.",
    more="It is asked again and again for as long as `bake` lasts. When it fails twice in a row, the rollout "
    "has failed.",
    example="https://example.org/health",
    commands=(*RUNNING, "rollout"),
    tables=(TABLE,),
)
CHECK_COMMAND = Setting(
    "check-command",
    COMMAND,
    help="Go on after a wave only if this command exits with code 0 on this machine, as with `check-http`.",
    more="It gets RELSTORE_ROLLOUT, RELSTORE_WAVE and RELSTORE_HOSTS, the names of the hosts that have the "
    "release. It may take 30s.",
    example=["./error-rate", "--below", "1%"],
    commands=(*RUNNING, "rollout"),
    tables=(TABLE,),
)
MAX_FAILURES = DefaultedSetting(
    "max-failures",
    SHARE,
    help="Go on although the release failed, on up to so many hosts in the whole rollout.",
    more="It is a count or a percentage of all hosts, rounded up. With more of them, no other host is begun "
    "with.",
    example=1,
    default=0,
    commands=RUNNING,
    tables=(TABLE,),
)
ON_FAILURE = DefaultedSetting(
    "rollout-on-failure",
    ValueType("string", "WAY", _on_failure, choices=_ON_FAILURE),
    help="What happens once a limit is passed: revert, stop or continue.",
    more="With `revert`, every host that this rollout switched goes back to what it ran before, all at once. "
    "With `stop`, they keep the release. With `continue`, the limits stop nothing.",
    example=_REVERT,
    default=_REVERT,
    commands=RUNNING,
    tables=(TABLE,),
    written="on-failure",
)
WAVE_DEADLINE = Setting(
    "wave-deadline",
    SECONDS,
    help="How long a wave may take; a host that is not done by then counts as unreachable.",
    more="A wave of more hosts than `max-parallel` has so many times that.",
    example="15m",
    absent="15m, and as much longer as hooks and checks may take",
    commands=RUNNING,
    tables=(TABLE,),
)
