"""Which implementation moves the traffic of an app. Not for moving it (``traffic`` and its siblings)."""

from __future__ import annotations

from relstore.errors import DamagedError
from relstore.formats.cut_over import COMMAND, HAPROXY, LINK, NONE, SOCKET, CutOver
from relstore.host.job.command_traffic import Asking, CommandTraffic
from relstore.host.job.haproxy_traffic import HaproxyTraffic
from relstore.host.job.log import JobLog
from relstore.host.job.traffic import LinkTraffic, NoTraffic, Traffic
from relstore.store.slots import Slots


def traffic(slots: Slots, cut_over: CutOver, log: JobLog, asking: Asking) -> Traffic:
    """The traffic of the app with those ``slots``; ``asking``: for a command of the deployer's.

    Raises DamagedError for a way that this relstore does not know.
    """
    front = cut_over.front
    if cut_over.way == LINK:
        return LinkTraffic(slots, cut_over, log)
    if cut_over.way in (NONE, SOCKET):
        return NoTraffic(slots, cut_over, log)
    if cut_over.way == HAPROXY and front is not None and front.haproxy is not None:
        return HaproxyTraffic(slots, cut_over, log, front.haproxy)
    if cut_over.way == COMMAND and front is not None and front.command is not None:
        return CommandTraffic(slots, cut_over, log, front.command, asking)
    raise DamagedError(f"a recipe whose way to cut over, {cut_over.way!r}, cannot be carried out")
