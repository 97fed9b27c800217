"""What client and helper say to each other: the requests, the replies, and the handshake.

After the handshake (``Hello``, sent by the helper) the client sends requests; each is answered by
any number of events and then one reply or one error, except ``Begin``, ``Open`` and ``Put``, which are
answered only when they fail. A message may announce a body, which follows it in data frames. A message is
``[name, fields, body bytes]`` in canonical msgpack. docs/formats/protocol.md is this in prose. Not
for how bytes travel (``framing``) nor how fields are checked (``fields``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from relstore.errors import ProtocolError
from relstore.formats import pack
from relstore.protocol import fields
from relstore.protocol.activation import (
    Accepted,
    Activate,
    Become,
    Cancel,
    Confirm,
    Confirmed,
    CutOld,
    Ended,
    Inspect,
    Inspected,
    Installed,
    InstallUnit,
    Output,
    Preflight,
    Preflighted,
    Reject,
    Restart,
    Supervisor,
    SupervisorOut,
    Watch,
    Withdraw,
)
from relstore.protocol.adopting import Adopt, Adopted, GiveBack, GivenBack
from relstore.protocol.checking import Verified, Verify
from relstore.protocol.collecting import Collect, Collected
from relstore.protocol.common import Done, Failure, Step
from relstore.protocol.exporting import Export, Exported, FileContent
from relstore.protocol.framing import MAX_FRAME_BYTES
from relstore.protocol.handshake import Hello
from relstore.protocol.host_check import CheckHost, CheckOrigin, HostChecked, OriginChecked
from relstore.protocol.keeping import Delete, Hold, Mark, Pin, Unheld, Unhold, Unpin
from relstore.protocol.logs import LogLines, Logs, LogsEnd
from relstore.protocol.reading import (
    Apps,
    AppsOut,
    Fetch,
    List,
    Listed,
    Log,
    Past,
    PastOut,
    Resolve,
    Resolved,
    RowOut,
    Status,
    StatusOut,
)
from relstore.protocol.removing import AppRemoved, RemoveApp
from relstore.protocol.rollouts import (
    FetchPlan,
    ListRollouts,
    NoteRollout,
    OnceRan,
    PauseRollout,
    PlanOut,
    RolloutNoted,
    RolloutsOut,
    RolloutTaken,
    RunRolloutOnce,
    SupersedeRollout,
    TakeRollout,
)
from relstore.protocol.upload import (
    Begin,
    Compare,
    Compared,
    Draw,
    Drawn,
    Open,
    Probe,
    Probed,
    Publish,
    Published,
    Put,
    Release,
    Released,
    Restore,
)

MAX_BODY_BYTES = 256 * 1024 * 1024


REPLY_OF: dict[Any, Any] = {
    Probe: Probed,
    Compare: Compared,
    Begin: None,
    Open: None,
    Put: None,
    Draw: Drawn,
    Publish: Published,
    Restore: Published,
    Release: Released,
    Preflight: Preflighted,
    CheckHost: HostChecked,
    CheckOrigin: OriginChecked,
    Become: Done,
    Reject: Done,
    Withdraw: Done,
    CutOld: Done,
    Activate: Ended,
    Restart: Ended,
    Watch: Ended,
    Inspect: Inspected,
    Confirm: Confirmed,
    Cancel: Done,
    InstallUnit: Installed,
    Supervisor: SupervisorOut,
    List: Listed,
    Fetch: RowOut,
    Resolve: Resolved,
    Log: Done,
    Logs: LogsEnd,
    Past: PastOut,
    Apps: AppsOut,
    Status: StatusOut,
    Pin: RowOut,
    Unpin: Done,
    Delete: Done,
    Hold: Done,
    Unhold: Unheld,
    Mark: RowOut,
    Verify: Verified,
    Collect: Collected,
    Adopt: Adopted,
    GiveBack: GivenBack,
    Export: Exported,
    RemoveApp: AppRemoved,
    TakeRollout: RolloutTaken,
    NoteRollout: RolloutNoted,
    PauseRollout: Done,
    SupersedeRollout: Done,
    ListRollouts: RolloutsOut,
    FetchPlan: PlanOut,
    RunRolloutOnce: OnceRan,
}
"""The class of each request and that of its reply; None where only a failure is answered."""
EVENTS_OF: dict[Any, tuple[Any, ...]] = {
    Activate: (Accepted, Step, Output),
    Restart: (Accepted, Step, Output),
    Watch: (Accepted, Step, Output),
    Draw: (Step,),
    Verify: (Step,),
    Adopt: (Step,),
    Export: (FileContent,),
    Logs: (LogLines,),
    RunRolloutOnce: (Output,),
}
"""What may come before the reply; nothing for any other request."""
REQUESTS = tuple(REPLY_OF)
EVENTS = (Accepted, Step, Output, FileContent, LogLines)
REPLIES = (Hello, *dict.fromkeys(reply for reply in REPLY_OF.values() if reply), Failure)

_BY_NAME: dict[str, Any] = {kind.__name__: kind for kind in (*REQUESTS, *EVENTS, *REPLIES)}


class WrongReplyError(RuntimeError):
    """A mistake of ours: a reply that does not belong to its request."""


class Message(NamedTuple):
    """A decoded message, and how many bytes of body follow it."""

    value: Any
    body: int


def encode(value: Any, body: int = 0) -> bytes:
    """The payload of a message frame."""
    return pack.encode([type(value).__name__, fields.to_values(value), body])


def decode(payload: bytes, allowed: tuple[Any, ...]) -> Message:
    """The message in a payload, one of the ``allowed`` classes. Raises ProtocolError, FormatError."""
    parts = pack.decode(payload, what="message", limit=MAX_FRAME_BYTES)
    if not isinstance(parts, list) or len(parts) != 3 or not isinstance(parts[0], str):
        raise ProtocolError("a message that is not [name, fields, body]")
    kind = _BY_NAME.get(parts[0])
    if kind is None or kind not in allowed:
        raise ProtocolError(f"the message {parts[0][:40]!r} is not expected here")
    if type(parts[2]) is not int or not 0 <= parts[2] <= MAX_BODY_BYTES:
        raise ProtocolError(f"a {parts[0]} message with a body of {parts[2]!r} bytes")
    return Message(fields.from_values(kind, parts[1]), parts[2])


def answers_to(request: Any) -> tuple[Any, ...]:
    """The events and the reply of a request of this class; a failure may answer as well."""
    reply = REPLY_OF[request]
    return (*EVENTS_OF.get(request, ()), *([reply] if reply else []))
