"""How to send the contents of one push: for each stream the option that ``cost_model`` finds best.

Knows what the person asked for, how fast links are, and which bases the cache has. Not for making streams
(``stream_maker``), nor for sending them (``upload``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relstore import protocol
from relstore.client.connection.session import Session
from relstore.client.local_state.link_speeds import LOCAL, SSH, guess
from relstore.client.transfer import cost_model, patch_process
from relstore.client.transfer.cost_model import Case, Option, Sample
from relstore.client.transfer.send_options import SendOptions
from relstore.client.transfer.streams import Payload
from relstore.formats.codecs import PATCHES, RAW
from relstore.protocol import Base

_NOT_WORTH_BYTES = 10 * 1448
"""TCP sends this much at once, without waiting for an answer (RFC 6928): less would arrive no sooner."""
_FIRST, _WHOLE = 0, 1
_ORIGIN_S = 0.5
"""What the way over an origin costs beside the upload: a request or two, and a connection from each host."""


@dataclass(frozen=True)
class Receiver:
    """What matters about a host: its name, whether it is this machine, and which codecs it can undo."""

    label: str
    local: bool
    round_trip: float | None
    """Seconds; None when it is not known."""
    codecs: tuple[str, ...]

    @classmethod
    def at(cls, session: Session, codecs: tuple[str, ...] = ()) -> Receiver:
        """The host at the other end of a session."""
        state = session.link()
        return cls(session.label, session.is_local, state.round_trip if state else None, codecs)


@dataclass(frozen=True)
class StreamPlan:
    """How one payload is sent."""

    payload: Payload
    option: Option
    base: Base | None
    reason: str
    """The figures that decided it."""
    instead: Option
    """The best option without a patch, since making a patch may fail."""
    by_origin: bool = False
    """Whether hosts fetch it from the origin."""

    @property
    def patched(self) -> bool:
        """Whether it is sent as a patch."""
        return self.option.coding.codec in PATCHES

    @property
    def opening(self) -> protocol.Open:
        """The message that its stream begins with."""
        base = self.base.blake3 if self.base is not None else None
        return protocol.Open(self.option.coding.codec, base, self.payload.segments)

    def describe(self) -> str:
        """One line for people: what is sent, how, and why."""
        count = len(self.payload.segments)
        what = f"{count} contents" if count > 1 else "1 content"
        way = " by the origin" if self.by_origin else ""
        return f"{what} of {self.payload.size} bytes as {self.option}{way} ({self.reason})"

    def serves(self, payload: Payload, codecs: tuple[str, ...]) -> bool:
        """Whether this plan can send another payload as well."""
        return (
            self.payload.segments == payload.segments
            and self.base in payload.bases
            and self.option.coding.codec in codecs
        )

    def otherwise(self) -> StreamPlan:
        """The plan to use when a stream cannot be made by this one: without a patch, then without a base."""
        if self.patched:
            return replace(self, option=self.instead, base=self.base if self.instead.delta else None)
        return replace(self, option=self.option._replace(delta=False), base=None)


def choose(
    options: SendOptions, payload: Payload, sample: Sample, host: Receiver, attempt: int, early: float = 0.0
) -> StreamPlan:
    """The best plan; the second attempt uses no base, the third no codec and no origin either.

    ``early``: seconds until anything can be sent.
    """
    direct = _chosen(options, payload, sample, host, attempt, early, link(options, host))
    if attempt != _FIRST or not _may_draw(options, host):
        return direct
    drawn = _chosen(options, payload, sample, host, attempt, early, uplink(options, host))
    if drawn.option.bytes < _NOT_WORTH_BYTES:
        return direct
    always = options.origin is not None and options.origin.from_hosts is not None
    if always or drawn.option.seconds + _ORIGIN_S < direct.option.seconds:
        return replace(drawn, by_origin=True)
    return direct


def _may_draw(options: SendOptions, host: Receiver) -> bool:
    origin = options.origin
    return origin is not None and not host.local and options.hosts >= (origin.from_hosts or 1)


def _chosen(
    options: SendOptions,
    payload: Payload,
    sample: Sample,
    host: Receiver,
    attempt: int,
    early: float,
    speed: float,
) -> StreamPlan:
    base = base_of(options, payload)
    if attempt != _FIRST or options.delta is False:
        base = None
    raw = attempt > _WHOLE or payload.size < _NOT_WORTH_BYTES
    case = Case(
        payload.size,
        sample,
        base.size if base is not None else 0,
        speed,
        (RAW,) if raw else host.codecs,
        early,
    )
    compression = None if raw else options.compression
    option = cost_model.best(case, compression=compression, delta=options.delta)
    unpatched = case._replace(sample=sample._replace(patch=None))
    instead = cost_model.best(unpatched, compression=compression, delta=options.delta)
    reason = (
        f"link {case.link / 1e6:.1f} MB/s, sample {sample.ratio:.2f} at {sample.speed / 1e6:.0f} MB/s, "
        f"expected {option.bytes} bytes in {option.seconds:.2f} s"
    )
    return StreamPlan(payload, option, base if option.delta else None, reason, instead)


def patch_wanted(options: SendOptions, payload: Payload, host: Receiver) -> bool:
    """Whether a patch might be the best way, wherever it can be made: what it would cost is worth a look."""
    base = base_of(options, payload)
    if base is None or options.delta is False or not set(PATCHES) & set(host.codecs):
        return False
    if options.compression is not None:
        return options.compression.codec in PATCHES
    small = payload.size < _NOT_WORTH_BYTES or base.size + payload.size > cost_model.MAX_DELTA_BYTES
    return not small and link(options, host) < cost_model.PATCH_LINK


def without_matcher(options: SendOptions, host: Receiver, plans: Sequence[StreamPlan]) -> str:
    """What to say when differences are larger than they need be; empty when they are not."""
    if patch_process.available() or options.compression is not None:
        return ""
    if not any(plan.option.delta and patch_wanted(options, plan.payload, host) for plan in plans):
        return ""
    return (
        "this installation of relstore has no compiled matcher, so differences are zstd's and not patches, "
        "which are half as large: install it from a wheel for this platform, or where there is a C compiler"
    )


def not_as_asked(options: SendOptions, host: Receiver, plans: Sequence[StreamPlan]) -> str:
    """What to say when something else is sent than what was asked for; empty when nothing is.

    What is too small to be compressed at all is not counted.
    """
    asked = options.compression
    sizable = [plan for plan in plans if plan.payload.size >= _NOT_WORTH_BYTES]
    instead = ", ".join(dict.fromkeys(plan.option.coding.codec for plan in sizable or plans))
    if asked is not None and asked.codec not in host.codecs and plans:
        flag = f"`--compression {asked.codec}`"
        return f"{host.label} cannot decode {asked.codec}, so {flag} sends {instead} to it"
    if asked is not None and sizable and all(plan.option.coding.codec != asked.codec for plan in sizable):
        why = "the cache here has no base for it"
        if asked.codec in PATCHES and not patch_process.available():
            why = "this installation has no compiled matcher"
        return f"{why}, so `--compression {asked.codec}` sends {instead} to {host.label}"
    if options.delta and sizable and not any(plan.option.delta for plan in sizable):
        return f"the cache here has no base for it, so `--delta` sends no difference to {host.label}"
    return ""


def link(options: SendOptions, host: Receiver) -> float:
    """Bytes a second that one host gets while all are sent to, as far as is known."""
    if host.local:
        return LOCAL
    speed = options.links.speed(host.label, options.hosts)
    if speed is None:
        speed = guess(host.round_trip) / options.hosts
    return min(speed, SSH / options.hosts)


def uplink(options: SendOptions, host: Receiver) -> float:
    """Bytes a second that this machine sends in all, as far as is known: to an origin, for example."""
    known = options.links.speed(options.origin.label) if options.origin is not None else None
    return known if known is not None else link(options, host) * options.hosts


def base_of(options: SendOptions, payload: Payload) -> Base | None:
    """The first of the similar objects on the host that the cache has too."""
    return next((base for base in payload.bases if options.cache.has(base.blake3, base.size)), None)
