"""How the traffic of an app moves from one release to the next while both run: two slots and a link.

Plain values, part of a recipe. A template unit runs the app twice, as ``web@a`` and ``web@b``; the link
``live`` names the socket of the one that has the traffic. Not for moving it (``host.job.traffic``).
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, Optional

from relstore.errors import UsageError
from relstore.formats.front import Front
from relstore.formats.names import TemplateName, UnitName

Slot = Literal["a", "b"]
SLOTS: Final[tuple[Slot, Slot]] = ("a", "b")
TRIAL: Final = "trial"
Place = Literal["a", "b", "trial"]
"""Where a release runs: in a slot, or on trial, at a socket of its own that no request reaches."""
SLOTS_DIRECTORY = "slots"
LIVE = "live"
NEXT = "next"
"""Their names in an app's directory."""
PLACEHOLDER = "{slot}"
RUNTIME = "{runtime}"
"""Begins the path of a socket: /run, or for units of an account's own manager its runtime directory."""
LONGEST_RUNTIME = "/run/user/4294967294"
MAX_SOCKET_BYTES = 107
"""The longest path that connect(2) takes for a Unix socket (unix(7))."""

Role = Literal["live", "draining", "standby", "starting", "none"]
"""What a slot is for at this moment: ``none`` is free."""
LIVE_ROLE: Final = "live"
DRAINING: Final = "draining"
STANDBY: Final = "standby"
STARTING: Final = "starting"
FREE: Final = "none"

Way = Literal["link", "none", "haproxy", "command", "socket"]
"""``link``: fronts connect to ``live``; ``none``: the two overlap, and no traffic is moved (workers);
``haproxy`` and ``command``: the front is told which share each slot gets; ``socket``: both accept from one
socket of systemd's, from their start until they are asked to end."""
LINK: Final = "link"
NONE: Final = "none"
HAPROXY: Final = "haproxy"
COMMAND: Final = "command"
SOCKET: Final = "socket"
ALL = 100
"""Percent of the traffic."""


class CutOver(NamedTuple):
    """The slots of an app, and how it changes from one to the other."""

    template: TemplateName
    way: Way
    socket: str
    """Where a slot listens: an absolute path with ``{slot}`` in it. Empty for ``none``; of those that share a
    socket, only the trial listens there."""
    drain: int
    """Seconds that connections of the old slot may last after the traffic has moved."""
    announce: bool
    """Whether the old slot gets SIGTERM at once, because it finishes its connections by itself."""
    watch: int
    """Milliseconds for which the new slot must stay healthy with the traffic, before the release counts."""
    standby: bool = False
    """Whether the old slot keeps running until the next release needs it, to go back to."""
    front: Optional[Front] = None
    """What is told of the shares; None for a way that moves all of the traffic at once."""
    trial: Optional[UnitName] = None
    """The unit in which a release proves itself before it shares the socket; None for the other ways."""

    def stages(self, *, proved: bool) -> tuple[int, ...]:
        """The shares of the traffic, in percent, that the new slot gets one after the other.

        ``proved``: the release has had all of it before, or there is nothing to go back to.
        """
        return (ALL,) if proved or self.front is None else (*self.front.shares, ALL)

    @property
    def has_link(self) -> bool:
        """Whether the front goes by ``live``; otherwise that only notes which slot is the app's."""
        return self.way not in (NONE, SOCKET)

    def unit(self, place: Place) -> UnitName:
        if place == TRIAL:
            return self.trial or trial_unit(self.template)
        return self.template.instance(place)

    def socket_of(self, slot: Place) -> str:
        return self.socket.replace(PLACEHOLDER, slot)


def trial_unit(template: TemplateName) -> UnitName:
    """``web-trial.service`` for ``web@``."""
    return UnitName.parse(template.replace("@.", "-trial."))


def other(slot: Slot) -> Slot:
    return "b" if slot == "a" else "a"


def check_socket(path: str) -> str:
    """``path``, where slots can listen there. Raises UsageError."""
    absolute = LONGEST_RUNTIME + path[len(RUNTIME) :] if path.startswith(f"{RUNTIME}/") else path
    longest = len(absolute.replace(PLACEHOLDER, "a").encode())
    if not absolute.startswith("/") or PLACEHOLDER not in path or "\0" in path or longest > MAX_SOCKET_BYTES:
        raise UsageError(
            f"{path!r} cannot be where slots listen",
            hint=f"Write an absolute path of up to {MAX_SOCKET_BYTES} bytes with {PLACEHOLDER} in it: "
            "/run/web-{slot}/sock.",
        )
    return path
