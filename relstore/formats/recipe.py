"""How a release goes live on a host: what is restarted, when it counts as healthy, what runs around that.

Plain values. The client makes them from flags and relstore.toml and sends them with an activation; the host
keeps them with the job, so that a job that died can be finished as it was begun. Not for doing any of it
(``host``), nor for reading it from a file (``client.config.recipe``).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple, Optional

from relstore.errors import UsageError
from relstore.formats.command import Command
from relstore.formats.cut_over import PLACEHOLDER, RUNTIME, SLOTS, SOCKET, TRIAL, CutOver, Place
from relstore.formats.names import UnitName

UnitAction = Literal["restart", "reload", "try-reload-or-restart"]
"""What is done with a unit after the switch; systemctl's own words."""

Escalation = Literal["", "sudo"]
"""How the account becomes root; empty where it need not."""

RESTART: Final = "restart"
RELOAD: Final = "reload"
TRY_RELOAD: Final = "try-reload-or-restart"
ACTIONS: tuple[UnitAction, ...] = (RESTART, RELOAD, TRY_RELOAD)
SUDO: Final = "sudo"
MAX_MILLISECONDS = 24 * 3600 * 1000
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")


_URL = re.compile(r"http://(\[[0-9A-Fa-f:.]+\]|[^/:?#@\[\]\s]+)(?::([0-9]{1,5}))?([/?][^#\s]*)?\Z")


class HttpUrl(NamedTuple):
    """What an ``http://`` URL names."""

    host: str
    port: int
    path: str
    authority: str
    """For the Host header."""

    @classmethod
    def parse(cls, url: str) -> HttpUrl:
        """Raises UsageError for what is not a plain ``http://`` URL."""
        match = _URL.match(url)
        if not match or not url.isascii() or not 0 < int(match[2] or 80) < 65536:
            raise UsageError(
                f"{url!r} is not a URL of the form http://HOST[:PORT]/PATH",
                hint="The host sends the request itself, so a plain port of 127.0.0.1 is enough. "
                "For TLS, use a command.",
            )
        authority = match[1] + (f":{match[2]}" if match[2] else "")
        path = match[3] or "/"
        return cls(
            match[1].strip("[]"), int(match[2] or 80), path if path.startswith("/") else f"/{path}", authority
        )


class Units(NamedTuple):
    """The systemd units that run the app."""

    names: tuple[UnitName, ...] = ()
    user: bool = False
    """Whether they belong to the account's own manager (``systemctl --user``)."""
    action: UnitAction = RESTART
    run_build: bool = True
    """Whether their main processes must execute the build."""
    become: Escalation = ""


class Http(NamedTuple):
    """An HTTP request, and the answer that counts as healthy."""

    url: str
    """``http://…``; with ``socket``, only its path and host name are used."""
    status: int = 0
    """The status that the answer must have, or 0 for any from 200 to 399."""
    body: str = ""
    """A regular expression that must match somewhere in the body, or empty."""
    headers: tuple[str, ...] = ()
    """``Name: value`` lines to send."""
    socket: str = ""
    """The path of a Unix socket to send the request to, or empty."""


class Health(NamedTuple):
    """When a release counts as healthy. Times are in milliseconds."""

    timeout: int = 30_000
    interval: int = 500
    stable: int = 3_000
    """How long a unit's main process must stay up."""
    http: tuple[Http, ...] = ()
    tcp: tuple[str, ...] = ()
    """``host:port``."""
    commands: tuple[Command, ...] = ()


class Variable(NamedTuple):
    """What a host's commands are told beside what relstore tells them."""

    name: str
    """As in relstore.toml; the commands get it as ``RELSTORE_VAR_`` and this."""
    text: str

    @property
    def variable(self) -> str:
        return f"RELSTORE_VAR_{self.name}"

    @property
    def is_usable(self) -> bool:
        return VARIABLE_NAME.match(self.name) is not None and "\0" not in self.text


class Recipe(NamedTuple):
    """All of it. The default restarts nothing and checks nothing."""

    units: Units = Units()
    restart: Optional[Command] = None
    reload: Optional[Command] = None
    """Used instead of ``restart`` while a previous version runs; to go back, ``restart`` is preferred."""
    restart_timeout: int = 60
    """Seconds that a restart or reload of a unit may take."""
    health: Health = Health()
    before: Optional[Command] = None
    """Runs in the new build before the switch; if it fails, nothing is changed."""
    after: Optional[Command] = None
    on_failure: Optional[Command] = None
    confirm: int = 0
    """Seconds within which the deployer must reconnect and confirm; 0: no confirmation is needed."""
    cut_over: Optional[CutOver] = None
    """How the traffic moves between two slots; then there are no ``units`` and no ``restart``."""
    variables: Optional[tuple[Variable, ...]] = None
    """For all commands on this host; None where it has none."""

    def for_slot(self, slot: Place) -> Recipe:
        """What starts and checks one slot: its unit, and the probes with its name in them.

        Behind a shared socket only the trial can be probed: nobody knows which slot would answer.
        """
        if self.cut_over is None:
            return self
        health = self.health
        if self.cut_over.way == SOCKET and slot != TRIAL:
            health = health._replace(http=(), tcp=(), commands=())
        return self._replace(
            units=self.units._replace(names=(self.cut_over.unit(slot),)),
            health=health._replace(
                http=tuple(
                    request._replace(
                        url=request.url.replace(PLACEHOLDER, slot),
                        socket=request.socket.replace(PLACEHOLDER, slot),
                    )
                    for request in health.http
                ),
                tcp=tuple(address.replace(PLACEHOLDER, slot) for address in health.tcp),
                commands=tuple(
                    command._replace(words=tuple(word.replace(PLACEHOLDER, slot) for word in command.words))
                    for command in health.commands
                ),
            ),
        )

    def on_host(self, runtime: str) -> Recipe:
        """With ``runtime``, an absolute path that only the host knows, where its sockets' paths begin with
        ``{runtime}``."""
        if self.cut_over is None:
            return self
        return self._replace(
            cut_over=self.cut_over._replace(socket=_absolute(self.cut_over.socket, runtime)),
            health=self.health._replace(
                http=tuple(
                    request._replace(socket=_absolute(request.socket, runtime))
                    for request in self.health.http
                )
            ),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables, as the commands get them; without what no environment can hold."""
        return {each.variable: each.text for each in self.variables or () if each.is_usable}

    @property
    def unit_names(self) -> tuple[UnitName, ...]:
        """The units that run the app, those of both slots included."""
        slots = () if self.cut_over is None else tuple(self.cut_over.unit(slot) for slot in SLOTS)
        return (*self.units.names, *slots)

    @property
    def checks_nothing(self) -> bool:
        """Whether a release counts as healthy whatever becomes of it: there is no unit and no probe."""
        return self.cut_over is None and not (
            self.units.names or self.health.http or self.health.tcp or self.health.commands
        )

    @property
    def restarts_nothing(self) -> bool:
        return not (self.units.names or self.restart or self.reload or self.cut_over)


def _absolute(path: str, runtime: str) -> str:
    return runtime + path[len(RUNTIME) :] if path.startswith(f"{RUNTIME}/") else path
