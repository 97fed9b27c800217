"""What is left to do by hand once the units of an app are installed, for ``relstore unit --install``. Pure.

Not for installing them, which the host does.
"""

from __future__ import annotations

from collections.abc import Sequence

from relstore.formats.cut_over import LIVE, CutOver
from relstore.formats.names import AppName


def steps(
    names: Sequence[str], cut_over: CutOver | None, app: AppName, root: str, *, user: bool, sudo: bool
) -> list[str]:
    """Command lines for the host, or a sentence. ``names``: the installed files. ``sudo``: whether root is
    reached through it there."""
    # The socket of a template belongs to its slot, which starts it.
    fronts = [name for name in names if name.endswith(".socket") and not name.endswith("@.socket")]
    if fronts:
        systemctl = "systemctl --user" if user else "sudo systemctl" if sudo else "systemctl"
        return [f"{systemctl} enable --now {name}" for name in fronts]
    if cut_over is not None and cut_over.socket:
        return [f"Let what stands in front of the app connect to {root}/apps/{app}/{LIVE}."]
    return []
