"""All keys of relstore.toml, by section, in the order in which people read about them.

A key is declared in one of the modules of ``keys``; this list finds it there.
"""

from __future__ import annotations

from relstore.client.config.keys import (
    cut_over,
    health,
    hooks,
    release,
    retention,
    rollout,
    service,
    target,
)
from relstore.client.config.setting import Section, Setting

SECTIONS = tuple(map(Section.of, (target, release, service, health, cut_over, hooks, rollout, retention)))


def all_settings() -> dict[str, Setting[object]]:
    """Every setting by its name."""
    return {setting.name: setting for section in SECTIONS for setting in section.settings}


def settings_of(command: str) -> list[Setting[object]]:
    """The settings that this command takes as flags, beside those that every command takes."""
    return [setting for setting in all_settings().values() if command in setting.commands]
