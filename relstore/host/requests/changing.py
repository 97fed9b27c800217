"""Which requests change a store, and so need a relstore that knows all of its rules.

A check for damage is one of them, since it marks what it finds. Not for the rule itself (``formats.needs``).
"""

from __future__ import annotations

from typing import Any

from relstore import protocol

_ALWAYS = (
    protocol.Begin,
    protocol.Publish,
    protocol.Restore,
    protocol.Release,
    protocol.Activate,
    protocol.Restart,
    protocol.Confirm,
    protocol.Cancel,
    protocol.Pin,
    protocol.Unpin,
    protocol.Hold,
    protocol.Unhold,
    protocol.Mark,
    protocol.Verify,
    protocol.TakeRollout,
    protocol.NoteRollout,
    protocol.PauseRollout,
    protocol.RunRolloutOnce,
)
_UNLESS_DRY = (protocol.Collect, protocol.Delete, protocol.RemoveApp, protocol.Adopt, protocol.GiveBack)


def is_change(request: Any) -> bool:
    """Whether answering ``request`` may change the store."""
    if isinstance(request, _UNLESS_DRY):
        return not request.dry_run
    return isinstance(request, _ALWAYS)
