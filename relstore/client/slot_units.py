"""The texts of the units of an app with two slots: the slots, and what passes connections on. Pure.

A template whose instances run the app through ``slots/a`` and ``slots/b``; where nothing else stands in
front, systemd's own proxy before ``live``; and another one for each slot whose program knows only a TCP port.
Or a template whose instances share a socket, and a unit in which a release proves itself before that.
Not for an app that one unit runs (``unit_text``), nor for installing units; the host does that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from relstore.client.unit_text import Service, UnitFile, service_text, value, word
from relstore.errors import UsageError
from relstore.formats.cut_over import LIVE, PLACEHOLDER, RUNTIME, SLOTS, SLOTS_DIRECTORY, TRIAL, CutOver
from relstore.formats.names import AppName

Ports = tuple[int, int]
"""Where the programs of slots a and b listen, at 127.0.0.1."""

PORT_PLACEHOLDER = "{port}"
_PORT_OF_SLOT = "${PORT_%i}"
"""systemd replaces %i first, so this is the value of PORT_a or PORT_b."""
_NON_BLOCKING = (
    "# Without it, systemd makes the socket a blocking one when the second release starts, and the first one",
    "# waits in accept.",
    "NonBlocking=yes",
)
_ACCOUNT = re.compile(r"[a-z0-9_-]{1,22}")
_STOP_MARGIN_S = 15
"""How much longer than its connections may last a slot has to stop."""


def slot_units(
    unit: Service, cut_over: CutOver, *, front: int | None = None, ports: Ports | None = None
) -> list[UnitFile]:
    """All that an app with slots needs. ``front``: the port of a proxy before it, None for another one; or
    the port of the socket that the slots share.

    ``ports``: where the program listens if it cannot listen on a Unix socket. Raises UsageError.
    """
    if ports is None and any(PORT_PLACEHOLDER in argument for argument in unit.arguments):
        raise UsageError(
            f"{PORT_PLACEHOLDER} in the program's arguments, and no ports",
            hint="Give --slot-port PORT,PORT, one for each slot.",
        )
    files = [UnitFile(cut_over.template, slot_service(unit, cut_over, ports))]
    if cut_over.trial is not None:
        if ports is not None:
            raise UsageError(
                'slot-port with cut-over = "socket": the program takes the socket from systemd',
                hint="Remove slot-port.",
            )
        files += [
            UnitFile(cut_over.trial, _trial_service(unit, cut_over)),
            UnitFile(_socket_of(cut_over.trial), _trial_socket(unit, cut_over)),
        ]
        if front is not None:
            files.append(UnitFile(f"{unit.app}.socket", front_socket(unit.app, front, *_first(cut_over))))
        return files
    if ports is not None and cut_over.socket:
        name = port_unit(cut_over)
        files += [
            UnitFile(f"{name}.socket", _port_socket(unit, cut_over)),
            UnitFile(f"{name}.service", _port_service(unit, cut_over, ports)),
        ]
    if front is not None:
        files += [
            UnitFile(f"{unit.app}.socket", front_socket(unit.app, front)),
            UnitFile(f"{unit.app}.service", front_service(unit)),
        ]
    return files


def slot_service(unit: Service, cut_over: CutOver, ports: Ports | None = None) -> str:
    """The text of the template whose two instances are the slots of an app. Raises UsageError."""
    slot = _place(unit, "%i")
    command = _command(unit, "%i")
    unit_lines = [
        "# The slot is wanted for as long as its link is there, at boot too.",
        f"ConditionPathExists={slot}",
    ]
    service_lines = ["KillMode=mixed"]
    umask = "0077"
    if cut_over.trial is not None:
        service_lines = [f"Sockets={unit.app}.socket", *_NON_BLOCKING, *service_lines]
    elif ports is not None:
        service_lines = [_environment(ports), *service_lines]
        if not any(PORT_PLACEHOLDER in argument for argument in unit.arguments):
            command = f"/usr/bin/env PORT={_PORT_OF_SLOT} {command}"
        if cut_over.socket:
            socket = f"{port_unit(cut_over)}%i.socket"
            unit_lines += [f"Requires={socket}", f"After={socket}"]
    else:
        service_lines = [
            f"RuntimeDirectory={_name(cut_over)}-%i",
            "# Whoever stands in front connects to its socket there.",
            "RuntimeDirectoryMode=0755",
            *service_lines,
        ]
        # What stands in front belongs to another account, and has to connect.
        umask = "0000"
    return service_text(
        unit,
        command,
        unit_lines,
        service_lines,
        stop=cut_over.drain + _STOP_MARGIN_S,
        umask=umask,
        dynamic=_shared_account(unit.app),
        fill=_fill("%i"),
    )


def port_unit(cut_over: CutOver) -> str:
    """The name, without its suffix, of the socket and of the proxy before a program with a port."""
    return f"{_name(cut_over)}-port@"


def _first(cut_over: CutOver) -> tuple[str, ...]:
    return "# Both slots accept from it; a socket has to name one.", f"Service={cut_over.unit('a')}"


def front_socket(app: AppName, port: int, *lines: str) -> str:
    """The text of the socket that listens for the app where no balancer does."""
    return _lines(
        "[Unit]",
        f"Description={value(app)}, which relstore moves from release to release",
        "",
        "[Socket]",
        f"ListenStream={port}",
        "Backlog=4096",
        *lines,
        "",
        "[Install]",
        "WantedBy=sockets.target",
    )


def front_service(unit: Service) -> str:
    """The text of the service behind it: systemd's own proxy, which connects to ``live``."""
    return _lines(
        "[Unit]",
        f"Description={value(unit.app)}: passes connections on to the release that is live",
        "",
        "[Service]",
        *_proxy(unit, word(f"{unit.root}/apps/{unit.app}/{LIVE}")),
    )


def _trial_service(unit: Service, cut_over: CutOver) -> str:
    """As a slot, at a socket of its own. Nothing starts it but relstore, before a release gets a slot."""
    place = _place(unit, TRIAL)
    socket = _socket_of(cut_over.unit(TRIAL))
    return service_text(
        unit,
        _command(unit, TRIAL),
        [f"ConditionPathExists={place}", f"Requires={socket}", f"After={socket}"],
        [*_NON_BLOCKING, "KillMode=mixed"],
        stop=cut_over.drain + _STOP_MARGIN_S,
        dynamic=_shared_account(unit.app),
        enabled=False,
        fill=_fill(TRIAL),
    )


def _trial_socket(unit: Service, cut_over: CutOver) -> str:
    return _lines(
        "[Unit]",
        f"Description={value(unit.app)}: the socket at which a release proves itself",
        f"PartOf={cut_over.unit(TRIAL)}",
        "StartLimitIntervalSec=0",
        "",
        "[Socket]",
        f"ListenStream={_filled(cut_over.socket, value, TRIAL)}",
        "RemoveOnStop=yes",
    )


def _port_socket(unit: Service, cut_over: CutOver) -> str:
    return _lines(
        "[Unit]",
        f"Description={value(unit.app)}, slot %i: the socket before a program that knows only a port",
        f"ConditionPathExists={_place(unit, '%i')}",
        "# It stops with its slot.",
        f"PartOf={_name(cut_over)}@%i.service",
        "StartLimitIntervalSec=0",
        "",
        "[Socket]",
        f"ListenStream={_filled(cut_over.socket, value)}",
        "Backlog=4096",
        "RemoveOnStop=yes",
    )


def _port_service(unit: Service, cut_over: CutOver, ports: Ports) -> str:
    slot = f"{_name(cut_over)}@%i.service"
    return _lines(
        "[Unit]",
        f"Description={value(unit.app)}, slot %i: passes connections on to the program's port",
        "# It stops with its slot, and after it: a program may finish its connections first.",
        f"PartOf={slot}",
        f"Before={slot}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        _environment(ports),
        *_proxy(unit, f"127.0.0.1:{_PORT_OF_SLOT}"),
    )


def _proxy(unit: Service, to: str) -> tuple[str, ...]:
    return (
        "# Not notify: this program never says that it is ready, and would be killed every 90 s.",
        "Type=exec",
        f"ExecStart=/usr/lib/systemd/systemd-socket-proxyd --connections-max=20000 {to}",
        "# Each connection takes six descriptors.",
        "LimitNOFILE=200000",
        "Restart=always",
        *(() if unit.user else ("DynamicUser=yes",)),
    )


def _name(cut_over: CutOver) -> str:
    return cut_over.template.removesuffix("@.service")


def _socket_of(service: str) -> str:
    return service.removesuffix(".service") + ".socket"


def _place(unit: Service, place: str) -> str:
    """The link through which a unit runs the app; ``%i`` is the slot."""
    return f"{value(unit.root)}/apps/{unit.app}/{SLOTS_DIRECTORY}/{place}"


def _command(unit: Service, place: str) -> str:
    program, link = word(unit.program), _place(unit, place)
    first = f'"{link}/{program[1:]}' if program.startswith('"') else f"{link}/{program}"
    return " ".join([first, *(_slot_word(argument, place) for argument in unit.arguments)])


def _environment(ports: Ports) -> str:
    words = (f"PORT_{slot}={port}" for slot, port in zip(SLOTS, ports, strict=True))
    return f"Environment={' '.join(words)}"


def _shared_account(app: AppName) -> str:
    """Of both slots, for otherwise systemd would give the state directory to the one that started last.

    It is a name that no other account has. The name of an account has at most 31 characters, and no dots.
    """
    known = app if _ACCOUNT.fullmatch(app) else hashlib.sha256(app.encode()).hexdigest()[:12]
    return f"relstore-{known}"


def _slot_word(text: str, place: str) -> str:
    """As ``word``, with what systemd knows for ``{slot}``, ``{port}`` and ``{runtime}``."""
    return _filled(text, word, place) or word("")


def _fill(place: str) -> Callable[[str], str]:
    return lambda text: _filled(text, value, place)


def _filled(text: str, plain: Callable[[str], str], place: str = "%i") -> str:
    known = {PLACEHOLDER: place, PORT_PLACEHOLDER: _PORT_OF_SLOT, RUNTIME: "%t"}
    parts = re.split(f"({'|'.join(map(re.escape, known))})", text)
    return "".join(known.get(part) or plain(part) for part in parts if part)


def _lines(*lines: str) -> str:
    return "\n".join((*lines, ""))
