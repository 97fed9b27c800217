"""A good rollout and every way in which a bad one is stopped, under one load that notes each request.

With cut-over nothing of it may fail a request, but a release that turns bad when it has the traffic. Hosts that restart
are no worse as long as the balancer looks at them and asks another one again, the program ends politely, and the
canaries are hosts with slots.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tests.cut_over_proof.stage import Event, of_event, report
from tests.cut_over_proof.table import Row
from tests.fleet_proof import balancer
from tests.fleet_proof.fleet import BALANCER, Fleet, fleet
from tests.support.hosts.systemd import Network
from tests.support.load.requests import Account
from tests.support.user import Ran

WAVES = 'order = ["canary", "*"]\ncanary = "canary"\nwaves = ["50%", "100%"]\nbake = "2s"'
_LONG_BAKE = WAVES.replace('"2s"', '"12s"')
CANARIES = ("web1", "web2")
"""They have slots in every fleet here."""
_SKIPPED = ("skipped",)
_BACK = ("withdrawn", "rolled-back")


def run(network: Network, directory: Path, *, slots: int, restarted: int = 0) -> Iterator[Row]:
    """All of it; a release that turns bad has a row of its own."""
    care = balancer.LOOKS_AND_RETRIES if restarted else balancer.NOTHING
    with fleet(network, directory, slots=slots, restarted=restarted, care=care) as at:
        with at.under_load() as load:
            good(at)
            back(at)
            bad_everywhere(at)
            bad_at_one_canary(at)
            refused_from_outside(at)
            bad_in_a_later_wave(at)
            turned = turns_bad(at)
        wrong = report(at.events, load.account)
        bad = of_event(load.account, turned)
        inside = set(bad.requests)
        rest = Account(tuple(each for each in load.account.requests if each not in inside), load.account.lag)
        hosts = f"{slots} with slots" + (f", {restarted} that restart" if restarted else "")
        yield Row.of(
            hosts,
            "a good rollout, a rollback, and four bad releases: two are stopped by the canaries' own checks, one by a "
            "check from outside, one by a host of a later wave",
            rest,
            "after each bad one every host was on the former release, and it was *withdrawn* where it had been active",
            [*wrong, *map(str, rest.broken)],
        )
        seconds = bad.bad_for("new", "busy", "idle", "work")
        what = "a release that turns bad with the traffic, on two canaries"
        yield Row.of(hosts, what, bad, f"requests failed for {seconds:.1f} s")


def good(at: Fleet) -> None:
    """Canaries first, then waves, each of which is watched, and the balancer asked."""
    at.configure(f'{WAVES}\ncheck-http = "http://{BALANCER}/health"', CANARIES)
    with at.event("a good rollout") as event:
        version = at.release()
        ran = at.run("push", "--json")
        names = [member.name for member in at.members]
        event.wrong += _ended(ran, 0, dict.fromkeys(names, ("active",))) + at.wrong(version)


def back(at: Fleet) -> None:
    before = at.former()
    with at.event("a rollback") as event:
        event.wrong += _ended(at.run("rollback", "-m", "too slow"), 0) + at.wrong(before)


def bad_everywhere(at: Fleet) -> None:
    """Its own check ends it, and no request has reached it."""
    _bad(at, "a release that answers 500", dict.fromkeys(CANARIES, ("rolled-back",)), mode="answers 500")


def bad_at_one_canary(at: Fleet) -> None:
    """It has become active at the other one."""
    seen = {"web1": ("withdrawn",), "web2": ("rolled-back",)}
    _bad(at, "a release that fails on one of two canaries", seen, bad_at="web2")


def refused_from_outside(at: Fleet) -> None:
    """Every host is content with it; a command on the machine of the client is not."""
    refused = f'{WAVES}\ncheck-command = ["test", "-e", "well"]'
    _bad(at, "a check from outside refuses it", dict.fromkeys(CANARIES, ("withdrawn",)), rollout=refused)


def bad_in_a_later_wave(at: Fleet) -> None:
    bad = at.members[len(CANARIES)].name
    wave = [member.name for member in at.members[: max(len(at.members) // 2, len(CANARIES) + 1)]]
    if len(wave) > len(at.members) // 2:  # the canaries are half of all, so the next wave is the last one
        wave = [member.name for member in at.members]
    seen = {name: ("rolled-back",) if name == bad else ("withdrawn",) for name in wave}
    _bad(at, "a release that fails on a host of a later wave", seen, bad_at=bad)


def turns_bad(at: Fleet) -> Event:
    """It is well for some seconds, so that only the bake sees it, or the host where it was slow."""
    seen = dict.fromkeys(CANARIES, _BACK)
    return _bad(at, "a release that turns bad with the traffic", seen, mode="turns bad", rollout=_LONG_BAKE)


def _bad(
    at: Fleet,
    what: str,
    switched: Mapping[str, Collection[str]],
    *,
    mode: str = "good",
    bad_at: str = "",
    rollout: str = WAVES,
) -> Event:
    """Push what is to be stopped. ``switched``: the hosts that it comes to, and what may be their outcome; the others
    are untouched."""
    at.configure(rollout, CANARIES)
    before, events = at.members[0].version, {member.name: member.journal for member in at.members}
    with at.event(what) as event:
        version = at.release(mode, bad_at=[bad_at])
        ran = at.run("push", "--json")
        expected = {member.name: switched.get(member.name, _SKIPPED) for member in at.members}
        event.wrong += _ended(ran, 3, expected) + at.wrong(before)
        outcomes = _outcomes(ran)
        withdrawn = [name for name, outcome in outcomes.items() if outcome == "withdrawn"]
        if at.withdrawn(version) != withdrawn:
            event.wrong.append(f"recorded as withdrawn at {at.withdrawn(version)}, and said of {withdrawn}")
        untouched = [member for member in at.members if outcomes.get(member.name) == "skipped"]
        event.wrong += [f"{m.name} was touched" for m in untouched if m.journal != events[m.name]]
        event.seen = f"{len(withdrawn)} withdrawn"
    return event


def _ended(ran: Ran, code: int, expected: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """What is wrong with how a command ended; ``expected``: the outcomes that each host may have."""
    if ran.code != code:
        hosts = ran.document["hosts"] if ran.out.startswith("{") else []
        errors = [f"{host['name']}: {host['error']}" for host in hosts if host["error"]]
        return [f"exit code {ran.code} instead of {code}: {ran.err}", *errors]
    outcomes = _outcomes(ran) if expected else {}
    return [
        f"{name}: {outcomes.get(name)} instead of {' or '.join(may)}"
        for name, may in (expected or {}).items()
        if outcomes.get(name) not in may
    ]


def _outcomes(ran: Ran) -> dict[str, str]:
    return {host["name"]: host["outcome"] for host in ran.document["hosts"]} if ran.out else {}
