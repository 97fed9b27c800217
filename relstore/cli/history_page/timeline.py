"""Which generation was live when, drawn as SVG: a lane for each host of an app, over one axis of time. Pure.

Positions are percentages, so that the drawing is as wide as the page and its letters keep their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relstore.cli import text
from relstore.cli.history_page import times
from relstore.cli.history_page.app_history import AppHistory
from relstore.cli.history_page.html import Html, element, joined
from relstore.cli.live_periods import LivePeriod

COLOURS = 5
"""How many of them the style sheet has; one build has one colour at all hosts."""

_LANE = 58
_NAME_Y = 14
_DOT_Y = 24
_BAR_Y = 31
_BAR = 20
_AXIS = 26
_TICKS = 4
_LEAST_WIDTH = 0.15
"""Percent; a period is never thinner than what can be seen."""


@dataclass(frozen=True)
class _Axis:
    begin: int
    end: int

    def at(self, seconds: int) -> float:
        """The percentage of the width."""
        inside = min(max(seconds, self.begin), self.end)
        return 100 * (inside - self.begin) / (self.end - self.begin)


def timeline(lanes: Sequence[AppHistory], now: int, limit: int) -> Html | None:
    """The newest ``limit`` periods of each lane, and what failed meanwhile; None where none was ever live."""
    shown = [_newest(lane, limit) for lane in lanes]
    begins = [periods[0].begin for periods in shown if periods]
    if not begins:
        return None
    begin = min(begins)
    ends = [period.begin for periods in shown for period in periods]
    axis = _Axis(begin, max(now, max(ends), begin + 60))
    colours = _colours(lanes)
    height = _LANE * len(lanes) + _AXIS
    drawn = [
        _lane(lane, periods, axis, colours, index * _LANE)
        for index, (lane, periods) in enumerate(zip(lanes, shown, strict=True))
    ]
    label = f"Which generation of {lanes[0].app} was live when. The tables below say the same in words."
    return element(
        "svg",
        *drawn,
        _ticks(axis, height - _AXIS),
        class_="timeline",
        role="img",
        width="100%",
        height=height,
        aria_label=label,
    )


def _newest(lane: AppHistory, limit: int) -> list[LivePeriod]:
    return [period for period in lane.periods if times.is_time(period.begin)][-limit:]


def _colours(lanes: Sequence[AppHistory]) -> dict[str, int]:
    """The colour of each build, in the order in which they first went live anywhere."""
    began: dict[str, int] = {}
    for lane in lanes:
        for period in lane.periods:
            build = _build(lane, period.generation)
            began[build] = min(period.begin, began.get(build, period.begin))
    return {build: index % COLOURS for index, build in enumerate(sorted(began, key=began.__getitem__))}


def _build(lane: AppHistory, number: int) -> str:
    row = lane.generations.get(number)
    return row.build if row is not None else f"generation {number} of {lane.host}"


def _lane(
    lane: AppHistory, periods: Sequence[LivePeriod], axis: _Axis, colours: dict[str, int], top: int
) -> Html:
    bars = [_bar(period, axis, colours[_build(lane, period.generation)], top) for period in periods]
    dots = [
        element(
            "circle",
            element("title", f"{entry.change}: {entry.ended}{_why(entry.reasons)}"),
            class_="failure",
            cx=f"{axis.at(entry.first.time):.3f}%",
            cy=top + _DOT_Y,
            r=4,
        )
        for entry in lane.failures
        if periods and entry.first.time >= axis.begin and times.is_time(entry.first.time)
    ]
    name = element("text", text.one_line(lane.host), class_="lane", x=0, y=top + _NAME_Y)
    if not periods:
        nothing = element("text", "nothing was live yet", class_="tick", x=0, y=top + _BAR_Y + 14)
        return joined([name, nothing])
    return joined([name, *bars, *dots])


def _bar(period: LivePeriod, axis: _Axis, colour: int, top: int) -> Html:
    begin = axis.at(period.begin)
    width = max(axis.at(axis.end if period.end is None else period.end) - begin, _LEAST_WIDTH)
    number = str(period.generation)
    has_room = width > 1 + 2.2 * len(number)
    told = f"generation {number}, live for {text.duration(period.seconds(axis.end))}"
    # An svg in the svg cuts off what does not fit into it.
    return element(
        "svg",
        element("title", told),
        element("rect", class_=f"live colour-{colour}", width="100%", height=_BAR),
        element("text", number, class_=f"on-{colour}", x="50%", y=_BAR - 6) if has_room else None,
        x=f"{begin:.3f}%",
        y=top + _BAR_Y,
        width=f"{width:.3f}%",
        height=_BAR,
    )


def _ticks(axis: _Axis, top: int) -> Html:
    whole = axis.end - axis.begin
    ticks = []
    for index in range(_TICKS + 1):
        anchor = "start" if index == 0 else "end" if index == _TICKS else "middle"
        at = f"{100 * index / _TICKS:g}%"
        label = times.tick(axis.begin + whole * index / _TICKS, whole)
        classes = "tick" if index in (0, _TICKS) else "tick inner"
        ticks.append(element("text", label, class_=classes, x=at, y=top + 18, text_anchor=anchor))
    line = element("line", class_="axis", x1="0", x2="100%", y1=top + 2, y2=top + 2)
    return joined([line, *ticks])


def _why(reasons: Sequence[str]) -> str:
    return f", {reasons[0]}" if reasons else ""
