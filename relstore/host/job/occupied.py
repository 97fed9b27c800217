"""Who stands in the way of an activation, for people: the holder of the app's lock, or of a hold."""

from __future__ import annotations

import time

from relstore.formats.hold import AppHold
from relstore.store.app import LOCK, App


def holder(app: App) -> str:
    """Who holds the app's lock, since when and for what, for people."""
    words = (app.directory.read_or_none(LOCK, 4096) or b"").decode("utf-8", "replace").split(None, 2)
    if len(words) < 3:
        return f"another activation of {app.name} is under way"
    ident, number, who = words
    return (
        f"another activation of {app.name} is under way: job {ident}, generation {number}, by {who.strip()}"
    )


def describe_hold(app: App, hold: AppHold) -> str:
    """Who holds the app, since when and why, for people."""
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(hold.since))
    return f"{app.name} is held by {hold.who} since {since}: {hold.message}"
