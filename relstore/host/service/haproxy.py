"""Tells HAProxy which share of the traffic its servers ``live`` and ``next`` get, by its runtime API.

What the API answers is parsed before it is believed, and a weight counts as set only when it has been read
back. HAProxy forgets weights when it restarts. Not for deciding on shares (``host.job``).
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import NamedTuple

from relstore.errors import StoreError
from relstore.formats.cut_over import ALL, LIVE, NEXT
from relstore.formats.finding import Guess
from relstore.formats.front import HaproxyApi

_ASK_S = 5.0
_UP_S = 15.0
"""So long may HAProxy's own checks take until they see that ``next`` is there."""
_POLL_S = 0.2
_ANSWER_BYTES = 256 * 1024
_QUOTED = 200
_NUMBER = re.compile(r"[0-9]{1,9}\Z")
_WITHDRAWN = 0x3F
"""The bits of srv_admin_state in `show servers state` that mean maintenance or draining."""
_SOFT_STOPPED = 3
"""srv_op_state: 0 stopped, 1 starting, 2 running."""
_FORBIDDEN = "Permission denied"


class HaproxyError(StoreError):
    """HAProxy cannot be told, or was not; ``kind`` is that of preflight's finding."""

    def __init__(self, what: str, *, hint: str = "", kind: Guess = "haproxy-backend") -> None:
        super().__init__(what, hint=hint)
        self.kind: Guess = kind


class WeightedServer(NamedTuple):
    """A server of the backend, as `show servers state` has it."""

    weight: int
    configured: int
    """The weight that it has after a restart of HAProxy."""
    is_up: bool
    is_withdrawn: bool
    """Whether somebody put it into maintenance, or lets it drain."""


class Servers(NamedTuple):
    """The two, by their roles."""

    live: WeightedServer
    next: WeightedServer

    @property
    def share(self) -> int:
        """The percentage of new connections that ``next`` gets."""
        if not (self.next.weight and self.next.is_up):
            return 0
        return round(ALL * self.next.weight / (self.next.weight + self.live.weight))


class Haproxy:
    """The runtime API of one HAProxy, for one of its backends."""

    def __init__(self, api: HaproxyApi) -> None:
        self._api = api

    def check(self) -> None:
        """Raises HaproxyError where weights could not be set, or would do harm. Changes nothing."""
        servers = self.look()
        level = self._ask("show cli level").strip()
        if level in ("operator", "user"):
            raise self._forbidden()
        for name, server in zip(Servers._fields, servers):
            if server.is_withdrawn:
                raise HaproxyError(
                    f"HAProxy's server {self._api.backend}/{name} is in maintenance, or drains",
                    hint=f"Let it serve again: `set server {self._api.backend}/{name} state ready` there.",
                )
        if servers.next.configured or not servers.live.configured:
            raise HaproxyError(
                f"HAProxy's backend {self._api.backend} is configured with weight {servers.live.configured} "
                f"for `live` and weight {servers.next.configured} for `next`",
                hint="Write weight 100 and weight 0: `next` leads to nothing most of the time.",
            )

    def look(self) -> Servers:
        """How the two servers are. Raises HaproxyError."""
        return parse_servers(self._ask(f"show servers state {self._api.backend}"), self._api.backend)

    def set_share(self, share: int) -> None:
        """Let ``next`` get that many percent, and see that it does. Raises HaproxyError."""
        for name, weight in ((NEXT, share), (LIVE, ALL - share)):
            said = self._ask(f"set server {self._api.backend}/{name} weight {weight}").strip()
            if said.startswith(_FORBIDDEN):
                raise self._forbidden()
            if said:
                raise HaproxyError(
                    f"HAProxy does not set the weight of {self._api.backend}/{name}: {quoted(said)}",
                    hint="Shares need a `balance` with dynamic weights: roundrobin, leastconn or random.",
                )
        deadline = time.monotonic() + _UP_S
        problem = self.differs(share)
        while problem and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            problem = self.differs(share)
        if problem:
            raise HaproxyError(problem)

    def differs(self, share: int) -> str:
        """What keeps ``next`` from getting exactly that many percent, or ``""``. Raises HaproxyError."""
        servers = self.look()
        name = f"{self._api.backend}/{NEXT}"
        if (servers.live.weight, servers.next.weight) != (ALL - share, share):
            return (
                f"HAProxy has weight {servers.live.weight} for `live` and {servers.next.weight} for `next`, "
                f"not {ALL - share} and {share}"
            )
        if share and servers.next.is_withdrawn:
            return f"HAProxy's server {name} is in maintenance, or drains"
        if share and not servers.next.is_up:
            return f"HAProxy's server {name} is down by HAProxy's own check"
        return ""

    def _forbidden(self) -> HaproxyError:
        return HaproxyError(
            f"HAProxy's socket {self._api.socket} does not allow this account to set weights",
            hint="Let its line in haproxy.cfg end with `level admin`.",
            kind="haproxy-silent",
        )

    def _ask(self, line: str) -> str:
        """The answer to one line. Raises HaproxyError."""
        deadline = time.monotonic() + _ASK_S
        answer = bytearray()
        try:
            with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
                connection.settimeout(_ASK_S)
                connection.connect(self._api.socket)
                connection.sendall(f"{line}\n".encode("ascii"))
                while len(answer) <= _ANSWER_BYTES:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise socket.timeout("timed out")
                    connection.settimeout(left)
                    data = connection.recv(64 * 1024)
                    if not data:
                        return answer.decode("utf-8", "replace")
                    answer += data
        except OSError as error:
            raise self._silent(error) from None
        raise HaproxyError(
            f"what answers at {self._api.socket} is no HAProxy: it says more than {_ANSWER_BYTES:,} bytes",
            kind="haproxy-silent",
        )

    def _silent(self, error: OSError) -> HaproxyError:
        hints = {
            FileNotFoundError: "Is HAProxy running, with `stats socket PATH level admin` in haproxy.cfg? "
            "`haproxy-socket` names that path.",
            ConnectionRefusedError: "Is HAProxy running?",
            PermissionError: "Add the account that deploys to the group of that socket, and log in anew.",
        }
        return HaproxyError(
            f"HAProxy's socket {self._api.socket} cannot be used: {error.strerror or error}",
            hint=hints.get(type(error), "Is HAProxy running?"),
            kind="haproxy-silent",
        )


def parse_servers(text: str, backend: str) -> Servers:
    """The two servers in what `show servers state` says. Raises HaproxyError for anything else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or not _NUMBER.match(lines[0].strip()) or not lines[1].startswith("# "):
        if text.strip().startswith("Can't find backend"):
            raise HaproxyError(
                f"HAProxy has no backend {backend}",
                hint="`haproxy-backend` names the one that has the slots.",
            )
        raise HaproxyError(f"HAProxy does not tell its servers: {quoted(text)}", kind="haproxy-silent")
    columns = lines[1][2:].split()
    found = {}
    for line in lines[2:]:
        row = dict(zip(columns, line.split()))
        if row.get("be_name") == backend and row.get("srv_name") in Servers._fields:
            found[row["srv_name"]] = _server(row)
    missing = [name for name in Servers._fields if name not in found]
    if missing:
        raise HaproxyError(
            f"HAProxy's backend {backend} has no server {' and no server '.join(missing)}",
            hint="It needs two: `server live unix@ROOT/apps/APP/live weight 100` and "
            "`server next unix@ROOT/apps/APP/next weight 0`.",
        )
    return Servers(**found)


def _server(row: dict[str, str]) -> WeightedServer:
    names = ("srv_uweight", "srv_iweight", "srv_op_state", "srv_admin_state")
    texts = [row.get(name, "") for name in names]
    for name, text in zip(names, texts):
        if not _NUMBER.match(text):
            raise HaproxyError(
                f"HAProxy does not tell its servers: {name} is {quoted(text)}", kind="haproxy-silent"
            )
    weight, configured, state, admin = map(int, texts)
    return WeightedServer(weight, configured, 0 < state < _SOFT_STOPPED, bool(admin & _WITHDRAWN))


def quoted(text: str) -> str:
    """The beginning of an answer, for a message."""
    return repr(" ".join(text.split())[:_QUOTED])
