"""What ssh(1) logs at LogLevel DEBUG1: how far it got, whom it met, what it offered, why it ended. Pure.

The wording depends on the version of ssh. What is not recognised only makes a message say less: ``said``
keeps what ssh would have told a person. Not for messages of our own (``errors``).
"""

from __future__ import annotations

import enum
import re
from collections import deque

from relstore.client.connection.transport.login_errors import Stage

_MAX_LINE = 4096
_MAX_SAID = 200
_MAX_KEYS = 100

_DEBUG = re.compile(r"debug[0-9]: ")
_CHATTER = re.compile(r"Transferred: |Bytes per second: |@+$|Authenticated to ")
_KEY = r"([A-Z0-9-]+) (SHA256:\S+)"


class CommandEnd(enum.Enum):
    """How the command on the host ended, as far as the log tells."""

    NOT_SAID = enum.auto()
    BY_ITSELF = enum.auto()
    BY_SIGNAL = enum.auto()


class SSHLog:
    """Feed it with what ssh writes."""

    def __init__(self) -> None:
        self.stage = Stage.REACHING
        self.is_logged_in = False
        self.is_running = False
        """Whether the command was started on the host."""
        self.is_proxied = False
        """Whether a ProxyCommand or a jump host carries the connection."""
        self.dialled: tuple[str, int] | None = None
        self.user: str | None = None
        self.host_key: str | None = None
        """``ED25519 SHA256:…``"""
        self.offered: list[str] = []
        self.locked: list[str] = []
        """Keys that the host would take and that could not be used."""
        self.unusable: list[str] = []
        self.methods: list[str] = []
        self.ended = CommandEnd.NOT_SAID
        self.said: deque[str] = deque(maxlen=_MAX_SAID)
        """What is meant for a person."""
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._rest = self._rest[:_MAX_LINE]
        for line in lines:
            text = line[:_MAX_LINE].decode("utf-8", "replace").strip()
            self._read(text)
            if text and not _DEBUG.match(text) and not _CHATTER.match(text):
                self.said.append(text)

    def has_said(self, pattern: str) -> re.Match[str] | None:
        """The first line for a person that ``pattern`` is found in."""
        return next((match for line in self.said if (match := re.search(pattern, line))), None)

    def _read(self, line: str) -> None:
        for pattern, read in _LINES:
            match = pattern.match(line)
            if match is not None:
                read(self, *match.groups())
                return

    def _proxied(self) -> None:
        self.is_proxied = True
        self.stage = Stage.GREETING

    def _dialling(self, host: str, port: str) -> None:
        self.dialled = host, int(port)

    def _connected(self) -> None:
        self.stage = Stage.GREETING

    def _authenticating(self, host: str, port: str, user: str) -> None:
        self.dialled, self.user = (host, int(port)), user

    def _shown(self, kind: str, fingerprint: str) -> None:
        self.host_key = f"{_label(kind)} {fingerprint}"
        self.stage = Stage.LOGGING_IN

    def _accepts(self, methods: str) -> None:
        self.methods = methods.split(",")

    def _offers(self, path: str, kind: str, fingerprint: str, more: str) -> None:
        if len(self.offered) < _MAX_KEYS:
            self.offered.append(f"{kind} {fingerprint} ({'agent' if 'agent' in more.split() else path})")

    def _takes(self, path: str, more: str) -> None:
        if "agent" not in more.split():
            self.locked.append(path)

    def _cannot_use(self, path: str, why: str) -> None:
        if len(self.unusable) < _MAX_KEYS:
            self.unusable.append(f"{path}: {why}")

    def _logged_in(self) -> None:
        self.is_logged_in = True
        self.locked.clear()

    def _runs(self) -> None:
        self.is_logged_in = self.is_running = True

    def _exited(self, how: str) -> None:
        self.ended = CommandEnd.BY_ITSELF if how == "status" else CommandEnd.BY_SIGNAL


def _label(kind: str) -> str:
    """``ED25519`` for ``ssh-ed25519``, as ssh prints it elsewhere."""
    word = kind.partition("@")[0].partition("-cert-v")[0]
    name = "ECDSA" if "ecdsa" in word else word.removeprefix("sk-").removeprefix("ssh-").upper()
    return f"{name}-SK" if word.startswith("sk-") else name


_LINES = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"debug1: Executing proxy (?:dialer )?command", SSHLog._proxied),
        (r"debug1: Connecting to (\S+) \[.*\] port ([0-9]{1,5})\.", SSHLog._dialling),
        (r"debug1: Connection established", SSHLog._connected),
        (r"debug1: Authenticating to (\S+):([0-9]{1,5}) as '(.*)'", SSHLog._authenticating),
        (r"debug1: Server host (?:key|certificate): (\S+) (SHA256:[^\s,]+)", SSHLog._shown),
        (r"debug1: Authentications that can continue: (\S+)", SSHLog._accepts),
        (rf"debug1: Offering public key: (.*) {_KEY}(.*)", SSHLog._offers),
        (rf"debug1: Server accepts key: (.*) {_KEY.replace('(', '(?:')}(.*)", SSHLog._takes),
        (r"Load key \"(.*)\": (.*)", SSHLog._cannot_use),
        (r"Authenticated to ", SSHLog._logged_in),
        (r"debug1: (?:\w+: )?Sending command", SSHLog._runs),
        (r"debug1: mux_client_request_session: master session id", SSHLog._runs),
        (r"debug1: client_input_channel_req: channel [0-9]+ rtype exit-(status|signal)", SSHLog._exited),
    )
)
