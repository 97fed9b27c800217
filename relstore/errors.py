"""Every error that relstore raises on purpose, in one tree.

An error says what happened, what state things are in now, and what to do next; subclasses are the
kinds that callers and the exit code tell apart. It is not for printing (``cli`` does that) and knows
nothing of exit codes. An error crosses the wire as its kind and its three texts.
"""

from __future__ import annotations


class RelstoreError(Exception):
    """Base of all. ``what`` happened; ``state`` things are in now; ``hint``: what to do next."""

    def __init__(self, what: str, *, state: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.hint = hint
        self.host = ""

    def on(self, host: str) -> RelstoreError:
        """This error, marked with the host that it came from (the outermost word wins)."""
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
    """A ``--to`` that is not a target."""


class ArtifactError(RelstoreError):
    """What was to be pushed cannot be: missing, empty, a device, a name that is not UTF-8."""


# --- reaching a host ----------------------------------------------------------------------------


class ConnectError(RelstoreError):
    """The host cannot be reached, or will not let us in."""


class HostKeyError(ConnectError):
    """The host's key is unknown, changed or revoked; nothing was sent."""


class HelperError(ConnectError):
    """We are logged in, but the helper cannot be run there (no python3, a shell that refuses)."""


class ConnectionLostError(ConnectError):
    """The connection ended in the middle. Whether the host had accepted anything is not known here."""

    HINT = "What the host had accepted goes on there: `relstore attach` follows it. Else run the same again."


class DetachedError(RelstoreError):
    """Somebody left while the host works; it goes on."""


# --- two sides that do not agree ----------------------------------------------------------------


class ProtocolError(RelstoreError):
    """The other side said something that it may not say."""


class FormatError(RelstoreError):
    """Bytes that claim to be one of our formats and are not exactly that."""


class NewerFormatError(FormatError):
    """Bytes in a version of one of our formats that is newer than this relstore."""


# --- the store ----------------------------------------------------------------------------------


class StoreError(RelstoreError):
    """The store cannot do what was asked; nothing was changed unless ``state`` says so."""


class NoStoreError(StoreError):
    """There is no store at that place."""


class UnsafeStoreError(StoreError):
    """The store's directory belongs to someone else, or others may write to it."""


class NoSpaceError(StoreError):
    """Too little disk space, or too few inodes, or a quota."""


class ReadOnlyError(StoreError):
    """The store is on a file system that is mounted read-only."""


class DamagedError(StoreError):
    """Bytes in the store are not what their name says."""


class NewerStoreError(StoreError):
    """A newer relstore wrote what this one would have to understand first."""


class NotFoundError(StoreError):
    """No such app, generation, build or pin."""


class RefusedError(StoreError):
    """Possible, but it would break a promise: removing what is in use, for example."""


class BusyError(StoreError):
    """Somebody else holds the lock that this needs."""


class PreflightError(RelstoreError):
    """The host would not run the release; nothing was sent."""


class ReleaseFailedError(RelstoreError):
    """The release did not work and the host is back on what it ran before."""


class SomeHostsFailedError(RelstoreError):
    """Several hosts, and not all of them are done."""


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
        NewerStoreError,
        NotFoundError,
        RefusedError,
        BusyError,
        ReleaseFailedError,
    )
}
"""The kinds that a host may send; an unknown one is read as the base."""


def from_wire(kind: str, what: str, state: str, hint: str) -> RelstoreError:
    """The error that a host reported. An unknown kind becomes the base class."""
    return WIRE_KINDS.get(kind, RelstoreError)(what, state=state, hint=hint)
