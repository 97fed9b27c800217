"""All keys of relstore.toml, by section, in the order in which people read about them.

A key is declared in one of the modules of ``keys``; this list finds it there.
"""

from __future__ import annotations

from relstore.client.config.keys import (
    cut_over,
    health,
    hooks,
    hosts,
    origin,
    release,
    retention,
    rollout,
    service,
    target,
)
from relstore.client.config.setting import Section, Setting

SECTIONS = tuple(
    map(Section.of, (target, release, origin, service, health, cut_over, hooks, hosts, retention, rollout))
)


def all_settings() -> dict[str, Setting[object]]:
    """Every setting by its name."""
    return {setting.name: setting for section in SECTIONS for setting in section.settings}


def keys_of(table: str) -> dict[str, Setting[object]]:
    """The settings that may stand in a table of relstore.toml, by their key there."""
    return {setting.key: setting for setting in all_settings().values() if table in setting.tables}


def keys_of_hosts() -> dict[str, Setting[object]]:
    """The settings that may differ between hosts: those about how a release goes live."""
    sections = map(Section.of, (service, health, cut_over, hooks))
    settings = [setting for section in sections for setting in section.settings]
    # One password is asked for, and once.
    return {setting.key: setting for setting in settings if setting is not service.ASK_BECOME_PASS}


def settings_of(command: str) -> list[Setting[object]]:
    """The settings that this command takes as flags, beside those that every command takes."""
    return [setting for setting in all_settings().values() if command in setting.commands]
