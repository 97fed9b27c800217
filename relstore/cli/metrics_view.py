"""What Prometheus is told of each app at each host, from what ``status`` knows. Pure.

Names follow Prometheus' conventions: a prefix, base units, the unit as suffix. Not for their text
(``exposition``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from relstore.cli.exposition import Gauge, MetricSample
from relstore.formats.names import AppName
from relstore.protocol import StatusOut


@dataclass(frozen=True)
class HostState:
    """One host, and its apps. ``apps`` is None where it could not be asked."""

    target: str
    apps: Sequence[tuple[AppName, StatusOut]] | None


def gauges(hosts: Sequence[HostState], now: float) -> list[Gauge]:
    """All metrics; ``now`` is when they were collected."""
    found = [
        Gauge("relstore_collected_timestamp_seconds", "When this was collected.", [MetricSample({}, now)])
    ]
    found.append(
        Gauge(
            "relstore_up",
            "Whether the host could be asked.",
            [MetricSample({"target": host.target}, int(host.apps is not None)) for host in hosts],
        )
    )
    for name, words, value in _OF_HOST:
        found.append(Gauge(name, words, list(_host_samples(hosts, value))))
    for name, words, value in _OF_APP:
        found.append(Gauge(name, words, list(_app_samples(hosts, value))))
    found.append(
        Gauge(
            "relstore_current_info",
            "The build and the commit of what is current; the value is always 1.",
            [
                MetricSample(
                    {**labels, "build": state.current.build.short, "commit": state.current.commit or ""}, 1
                )
                for labels, state in _apps(hosts)
                if state.current
            ],
        )
    )
    units = [(labels, state, unit) for labels, state in _apps(hosts) for unit in state.units]
    found.append(
        Gauge(
            "relstore_unit_active",
            "Whether systemd says that the unit is active.",
            [
                MetricSample({**labels, "unit": unit.name}, int(unit.state.partition(" ")[0] == "active"))
                for labels, _, unit in units
            ],
        )
    )
    found.append(
        Gauge(
            "relstore_unit_runs_generation",
            "The generation that the main process of the unit executes, as far as that can be seen.",
            [
                MetricSample({**labels, "unit": unit.name}, unit.runs)
                for labels, _, unit in units
                if unit.runs
            ],
        )
    )
    return found


_Value = Callable[[StatusOut], float | None]
"""None where there is nothing to tell."""

_OF_HOST: tuple[tuple[str, str, _Value], ...] = (
    ("relstore_store_free_bytes", "Free on the file system of the store.", lambda state: state.free_bytes),
    ("relstore_store_free_inodes", "The same in inodes.", lambda state: state.free_inodes),
    ("relstore_store_builds", "How many builds the store holds.", lambda state: state.builds),
)
_OF_APP: tuple[tuple[str, str, _Value], ...] = (
    (
        "relstore_current_generation",
        "The generation that is current, or 0.",
        lambda state: state.current.number if state.current else 0,
    ),
    (
        "relstore_current_activated_timestamp_seconds",
        "When what is current became that, by the host's clock.",
        lambda state: (state.current.outcome_at or None) if state.current else None,
    ),
    (
        "relstore_rollback_generation",
        "The generation that a rollback goes to, or 0.",
        lambda state: state.rollback_target,
    ),
    ("relstore_newest_generation", "The newest generation, or 0.", lambda state: state.newest),
    (
        "relstore_generations",
        "How many generations there are, without deleted ones.",
        lambda state: state.generations,
    ),
    (
        "relstore_activation_running",
        "Whether an activation is under way.",
        lambda state: int(bool(state.job)),
    ),
    (
        "relstore_activation_unresolved",
        "Whether a job died before its outcome.",
        lambda state: int(state.unresolved),
    ),
    ("relstore_held", "Whether somebody holds the app.", lambda state: int(state.hold is not None)),
    (
        "relstore_drift",
        "How much does not fit the last activation any more: the link, and the units.",
        lambda state: len(state.drift.splitlines()),
    ),
    (
        "relstore_changed_files",
        "How many files of the current build were changed, as far as a look tells.",
        lambda state: len(state.changed),
    ),
)


def _apps(hosts: Sequence[HostState]) -> Iterator[tuple[dict[str, str], StatusOut]]:
    for host in hosts:
        for app, state in host.apps or ():
            yield {"target": host.target, "app": app}, state


def _app_samples(hosts: Sequence[HostState], value: _Value) -> Iterator[MetricSample]:
    for labels, state in _apps(hosts):
        number = value(state)
        if number is not None:
            yield MetricSample(labels, number)


def _host_samples(hosts: Sequence[HostState], value: _Value) -> Iterator[MetricSample]:
    """From the host's first app: it is the same for all of them."""
    for host in hosts:
        for _, state in (host.apps or ())[:1]:
            number = value(state)
            if number is not None:
                yield MetricSample({"target": host.target}, number)
