"""Every error that relstore raises on purpose, in one tree.

An error says what happened, what state things are in now, and what to do next; subclasses are the kinds
that callers and the exit code tell apart, with the facts that callers use as attributes. An error crosses
the wire as its kind and its three texts; its other attributes stay behind. Not for printing (``cli`` does
that), nor for exit codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

AnyError = TypeVar("AnyError", bound="RelstoreError")


class RelstoreError(Exception):
    """Base of all. ``what`` happened; ``state`` things are in now; ``hint``: what to do next.

    ``usual_state`` and ``usual_hint`` hold for the errors of a kind that do not say more.

    ``host`` is the label of the host that it happened on, empty for this machine's own errors. Texts do
    not repeat it: whoever shows an error puts it in front.
    """

    usual_state = ""
    usual_hint = ""

    def __init__(self, what: str, *, state: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.state = state or self.usual_state
        self.hint = hint or self.usual_hint
        self.host = ""

    def on(self: AnyError, host: str) -> AnyError:
        """This error, marked with the host that it came from. The first mark, the innermost, counts."""
        self.host = self.host or host
        return self


# --- the person's input -----------------------------------------------------------------------


class UsageError(RelstoreError):
    """The command line, the configuration or a name cannot be used as written."""


class ConfigError(UsageError):
    """relstore.toml is wrong; ``path``, ``line`` and ``key`` say where."""

    def __init__(self, what: str, *, path: str, line: int = 0, key: str = "", hint: str = "") -> None:
        where = f"{path}:{line}" if line else path
        super().__init__(f"{where}: {key + ': ' if key else ''}{what}", hint=hint)
        self.path = path
        self.line = line
        self.key = key


class TargetError(UsageError):
    """What was given as a target does not name a store."""


class ArtifactError(RelstoreError):
    """The artifact cannot be pushed: it is missing, empty, changing, or holds what a build cannot hold.

    ``path``: the file or directory that this is about, empty when the build command failed.
    """

    def __init__(self, what: str, *, path: str = "", state: str = "", hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.path = path


# --- reaching a host ----------------------------------------------------------------------------


class ConnectError(RelstoreError):
    """The host cannot be reached, or does not let us log in."""


class HostKeyError(ConnectError):
    """The host's key is unknown, changed or revoked. Nothing was sent to it."""


class HelperError(ConnectError):
    """The login worked, but the helper does not run there: no python3, or a shell that refuses commands."""


class ConnectionLostError(ConnectError):
    """The connection broke off. Whether the host had accepted anything is not known here."""

    HINT = (
        "Whatever the host had accepted continues there: follow it with `relstore attach`. "
        "Otherwise run the same command again."
    )


class LostJobError(ConnectError):
    """The connection broke off while the host works on ``job``, and it cannot be reached again for now."""

    def __init__(self, what: str, *, job: str = "", state: str = "", hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.job = job


class DetachedError(RelstoreError):
    """Somebody pressed Ctrl-C. The host continues with ``job``, empty when it had not accepted one yet."""

    def __init__(self, what: str, *, job: str = "", state: str = "", hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.job = job


# --- two sides that do not agree ----------------------------------------------------------------


class ProtocolError(RelstoreError):
    """The other side broke the protocol."""

    usual_state = "The session has ended. Whatever the host had accepted continues there."
    usual_hint = "Run the command again. If it ends in the same way, it is a bug in relstore: report it."


class FormatError(RelstoreError):
    """Bytes are not in the format that they should be in."""

    usual_state = "They were not used."
    usual_hint = "Run the command again. If it ends in the same way, `relstore verify` checks the store."


class NewerFormatError(FormatError):
    """Bytes in a version of one of our formats that is newer than this relstore."""


# --- the store ----------------------------------------------------------------------------------


class StoreError(RelstoreError):
    """The store cannot do what was asked; nothing was changed unless ``state`` says so."""

    usual_state = "Nothing was changed."
    usual_hint = "`relstore status` shows how things are, and `relstore verify` checks the store."


class NoStoreError(StoreError):
    """There is no store in that directory."""


class UnsafeStoreError(StoreError):
    """The store's directory belongs to someone else, or others may write to it."""


class NoSpaceError(StoreError):
    """Disk space, inodes or a quota are exhausted."""


class ReadOnlyError(StoreError):
    """The store is on a file system that is mounted read-only."""


class DamagedError(StoreError):
    """The store holds something that is not what it should be: content, a record, a journal."""

    usual_hint = "`relstore verify` shows all that is damaged; with --repair it restores what it can."


class NotRecordedError(StoreError):
    """The disk did not take an event into the journal; ``certain``: nothing of it stays there."""

    certain = False

    @classmethod
    def of(cls, error: OSError, *, certain: bool) -> NotRecordedError:
        """For the ``error`` of a write or a sync."""
        made = cls(
            f"the journal could not be written: {error.strerror or error}",
            state="It was not recorded."
            if certain
            else "Whether it is recorded is not known: it may be gone after the next boot.",
            hint="The disk reports errors: look at the kernel's log before you go on.",
        )
        made.certain = certain
        return made


class NewerStoreError(StoreError):
    """The store, or a job in it, needs a newer relstore: this one changes and undoes nothing there."""

    @classmethod
    def of(cls, subject: str, why: str, *, needed: str, own: str) -> NewerStoreError:
        """``subject`` needs the version ``needed`` (empty: nobody knows which), and this is ``own``."""
        return cls(
            f"{subject} needs relstore >= {needed}: {why}"
            if needed
            else f"{subject} needs a newer relstore: {why}",
            state=f"This one ({own}) changed and undid nothing.",
            hint=f"Install relstore {needed or 'in the version that wrote it'} or a later one. Until then, "
            "commands that only read still work.",
        )


class NotFoundError(StoreError):
    """The store has no such app, generation, build, job or pin."""

    usual_hint = "`relstore list-generations` shows what there is."


class RefusedError(StoreError):
    """It would break a promise, such as removing what is in use, or somebody has ruled it out."""


class UnfitReleaseError(RefusedError):
    """A release of another tool cannot be adopted as it is, for each of ``problems``."""

    problems: tuple[str, ...] = ()
    _SHOWN = 10

    @classmethod
    def of(cls, name: str, problems: Sequence[str]) -> UnfitReleaseError:
        """For the release ``name``."""
        more = len(problems) - cls._SHOWN
        shown = [*problems[: cls._SHOWN], *([f"and {more} more"] if more > 0 else [])]
        made = cls(
            f"the release {name} cannot be adopted as it is: {'; '.join(shown)}",
            state="What is live was not touched.",
            hint="Leave out what is no part of the release with --exclude PATH.",
        )
        made.problems = tuple(shown)
        return made


class SupersededError(RefusedError):
    """What was to be taken back is not current any more: somebody has switched since."""


class TakenOverError(RefusedError):
    """Somebody else acts for the rollout, or another one has begun: who has a lower epoch is refused."""


class BusyError(StoreError):
    """Another activation or command holds the lock that this needs."""


# --- an origin ----------------------------------------------------------------------------------


class OriginError(RelstoreError):
    """An origin does not take a stream, or does not give it. No push fails for it."""


# --- a release ----------------------------------------------------------------------------------


class PreflightError(RelstoreError):
    """The host could not run the release, for each of ``problems``. Nothing was sent."""

    def __init__(self, what: str, *, problems: Sequence[str] = (), state: str = "", hint: str = "") -> None:
        super().__init__(what, state=state, hint=hint)
        self.problems = tuple(problems)


class ReleaseFailedError(RelstoreError):
    """``generation`` of ``app`` was activated and failed; its host went back, or tried to.

    Both are empty (``""``, 0) in an error that came over the wire.
    """

    def __init__(
        self, what: str, *, app: str = "", generation: int = 0, state: str = "", hint: str = ""
    ) -> None:
        super().__init__(what, state=state, hint=hint)
        self.app = app
        self.generation = generation


class UnhealthyError(ReleaseFailedError):
    """What is current already is not healthy, or could not be restarted. Nothing was switched."""


class StuckError(ReleaseFailedError):
    """The release failed, and going back failed too: the service may be down. The link is right."""


class DifferentBuildsError(RelstoreError):
    """A generation means different builds at the hosts of one command. Nothing was changed."""


class SomeHostsFailedError(RelstoreError):
    """A command for several hosts failed on some of them, or on all."""


class RolloutFailedError(SomeHostsFailedError):
    """A rollout failed, and every host runs what it ran before."""


class RolloutPausedError(RelstoreError):
    """A rollout waits for a person. Nothing is wrong."""


# --- relstore itself ------------------------------------------------------------------------------


class UnexpectedError(RelstoreError):
    """Something that relstore did not provide for: a bug, or a machine that has run out of something."""


WIRE_KINDS = {
    kind.__name__: kind
    for kind in (
        RelstoreError,
        UsageError,
        ProtocolError,
        FormatError,
        StoreError,
        NoStoreError,
        UnsafeStoreError,
        NoSpaceError,
        ReadOnlyError,
        DamagedError,
        NotRecordedError,
        NewerStoreError,
        NotFoundError,
        RefusedError,
        UnfitReleaseError,
        SupersededError,
        TakenOverError,
        BusyError,
        ReleaseFailedError,
        UnexpectedError,
    )
}
"""The kinds that a host may send; an unknown one is read as the base."""


def from_wire(kind: str, what: str, state: str, hint: str) -> RelstoreError:
    """The error that a host reported. An unknown kind becomes the base class."""
    return WIRE_KINDS.get(kind, RelstoreError)(what, state=state, hint=hint)
