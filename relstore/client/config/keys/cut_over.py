"""The keys for a release that takes over without a failed request: two slots and a link."""

from __future__ import annotations

from dataclasses import dataclass

from relstore.client.config.http_reader import read_socket
from relstore.client.config.keys.service import ASKING, RUNNING
from relstore.client.config.readers import (
    BOOLEAN,
    COMMAND,
    MILLISECONDS,
    SECONDS,
    one_of,
    string,
    type_name,
    whole_number,
)
from relstore.client.config.setting import DefaultedSetting, PathBase, Setting, ValueType, toml
from relstore.errors import UsageError
from relstore.formats import cut_over as formats
from relstore.formats.cut_over import Way, check_socket
from relstore.formats.names import BackendName

TITLE = "Cut-over: a new release without a failed request"
INTRO = (
    'With a template, `unit = "web@"`, the new release starts beside the one that serves, as web@a or '
    "web@b, and proves itself there before any request reaches it. Then the link `apps/APP/live` moves to "
    "its socket, and the old one ends when its connections are gone."
)


_WORDS: tuple[Way, ...] = (formats.LINK, formats.HAPROXY, formats.SOCKET, formats.NONE)


@dataclass(frozen=True)
class Choice:
    """How the traffic moves."""

    way: Way
    command: tuple[str, ...] | None = None
    """What moves it, for the way that is called so."""


def _choice(value: object, base: PathBase) -> Choice:
    if not isinstance(value, dict):
        return Choice(one_of(value, _WORDS, "a way to cut over"))
    if list(value) != ["command"]:
        raise UsageError(
            "must have the one key command", hint='For example { command = "bin/move-traffic" }.'
        )
    return Choice(formats.COMMAND, COMMAND.read(value["command"], base))


def _shares(value: object, base: PathBase) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise UsageError(
            f"must be an array of integers, not {type_name(value)}", hint="For example [10, 50]."
        )
    shares: list[int] = []
    for item in value:
        if type(item) is not int or not 0 < item < formats.ALL:
            raise UsageError(f"{item!r} is not a percentage", hint="Write whole numbers from 1 to 99.")
        if shares and item <= shares[-1]:
            raise UsageError(f"{item} does not exceed {shares[-1]}", hint="Let each share exceed the last.")
        shares.append(item)
    return tuple(shares)


def _backend(value: object, base: PathBase) -> BackendName:
    return BackendName.parse(string(value))


def _socket(value: object, base: PathBase) -> str:
    return check_socket(string(value))


def _ports(value: object, base: PathBase) -> tuple[int, int]:
    ports = value if isinstance(value, list) else []
    if len(ports) == 2 and all(type(port) is int and 0 < port < 65536 for port in ports):
        first, second = ports
        if first != second:
            return first, second
    raise UsageError(f"{toml(value)} is not two ports", hint="Name two different ones: [8001, 8002].")


CUT_OVER = Setting(
    "cut-over",
    ValueType("string, or table with command", "WAY", _choice, choices=_WORDS),
    help="How the traffic moves from the old release to the new one: link, haproxy, socket or none.",
    more="With link, whatever stands in front connects to the socket `apps/APP/live` in the store. "
    "With haproxy, HAProxy is also told which share of the connections each release gets. "
    "With socket, both releases accept from one socket of systemd's for a while: for programs that take the "
    "socket from systemd and finish their connections after SIGTERM. "
    "With none, no traffic is moved and the two overlap, as workers may. In relstore.toml, it may also be "
    '`{ command = "…" }`: a command that moves the traffic, on the host (see docs/cut-over.md).',
    example="link",
    absent="link for a template of units",
    commands=(*ASKING, "unit", "sudoers"),
)
SHARES = Setting(
    "shares",
    ValueType(
        "list of integers",
        "PERCENT[,PERCENT]",
        _shares,
        from_flag=lambda text: [whole_number(word.strip()) for word in text.split(",")],
    ),
    help="The percentages of the traffic that a new release gets, one after the other, before it gets all.",
    more="It must stay healthy for `watch` with each. For haproxy and a command only. A release that was "
    "active before gets all at once, so that going back is quick.",
    example=[10, 50],
    commands=ASKING,
)
HAPROXY_SOCKET = DefaultedSetting(
    "haproxy-socket",
    ValueType("path on the host", "PATH", read_socket),
    help="The socket of HAProxy's runtime API, with `level admin`.",
    example="/run/haproxy/admin.sock",
    default="/run/haproxy/admin.sock",
    commands=ASKING,
)
HAPROXY_BACKEND = Setting(
    "haproxy-backend",
    ValueType("string", "NAME", _backend),
    help="The backend of HAProxy's that has the servers `live` and `next`.",
    example="web",
    absent="NAME for the template NAME@",
    commands=ASKING,
)
SLOT_SOCKET = Setting(
    "slot-socket",
    ValueType("path on the host", "PATH", _socket),
    help="The Unix socket where the unit of a slot listens, with {slot} for its name.",
    more="Checks go there too: `http` needs no `http-socket`, and {slot} is replaced in `tcp` and "
    "`health-command` as well. {runtime} at the beginning is /run, or with `user` the account's own "
    "directory, /run/user/UID.",
    example="/run/web-{slot}/sock",
    absent="{runtime}/NAME-{slot}/sock for the template NAME@",
    commands=(*ASKING, "unit"),
)
SLOT_PORT = Setting(
    "slot-port",
    ValueType(
        "list of two ports",
        "PORT,PORT",
        _ports,
        from_flag=lambda text: [whole_number(word.strip()) for word in text.split(",")],
    ),
    help="For a program that knows only a TCP port: the ports of 127.0.0.1 for slot a and slot b.",
    more="Each slot then also gets a socket and a proxy of systemd's, which passes the connections at "
    "`slot-socket` on to the port. {port} in the program's arguments is replaced; without it, the program "
    "finds its port in $PORT.",
    example=[8001, 8002],
    commands=("unit",),
)
DRAIN = DefaultedSetting(
    "drain",
    SECONDS,
    help="How long connections to the old release may last after the traffic has moved.",
    more="The old release is stopped when they are gone, at the latest after this time.",
    example="60s",
    default="60s",
    commands=(*RUNNING, "unit"),
)
DRAIN_ANNOUNCE = DefaultedSetting(
    "drain-announce",
    BOOLEAN,
    help="Send SIGTERM to the old release as soon as the traffic has moved.",
    more="For programs that finish their connections by themselves. Let TimeoutStopSec= exceed `drain`.",
    example=False,
    default=False,
    commands=RUNNING,
)
STANDBY = DefaultedSetting(
    "standby",
    BOOLEAN,
    help="Keep the old release running until the next one needs its slot, so that going back starts nothing.",
    example=False,
    default=False,
    commands=RUNNING,
)
WATCH = DefaultedSetting(
    "watch",
    MILLISECONDS,
    help="How long the new release must stay healthy with the traffic before it counts as active.",
    example="10s",
    default="10s",
    commands=RUNNING,
)
