"""The commented relstore.toml that ``relstore init`` writes, made from the declarations of the keys.

A ``#`` with a space begins an explanation, one without disables a setting: removing every such ``#``
gives a file that is valid as a whole.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

from relstore.client.config import table
from relstore.client.config.environments import DEFAULT_ENV, TABLES_EXAMPLE, TABLES_HELP
from relstore.client.config.hosts import HOSTS_EXAMPLE, HOSTS_HELP
from relstore.client.config.setting import TOP, DefaultedSetting, Section, Setting, toml

_HEAD = (
    "relstore.toml: what `relstore push` sends, and where to. Every key is optional, and a flag on the "
    "command line overrides it. To set a key, remove the `#` before it. Paths on this machine are relative "
    "to this file. A duration is a whole number and s, m, h or d."
)
_START = (
    "For a service of systemd: set `to`, `artifact`, `unit`, `become` and `http` below. Once for each host, "
    "`relstore unit --install PROGRAM` makes a unit that runs the app, and `relstore sudoers` prints the "
    "rule that lets the account restart it. The host then checks each release, and rolls back by itself. "
    "`relstore init --slots` is for a release that takes over without a failed request (see cut-over below)."
)
_START_SLOTS = (
    "For a service of systemd with two slots: set `to`, `app`, `artifact`, `unit` (a template, `web@`), "
    "`become` and `http` below. Once for each host, `relstore unit --install PROGRAM` makes the units, and "
    "`relstore sudoers` prints the rule that lets the account manage both slots. A new release then starts "
    "beside the one that serves, and gets the traffic when it is healthy; docs/cut-over.md explains the rest."
)
_SLOT_EXAMPLES = {"unit": "web@", "http": "http://localhost/health"}
"""``http`` is asked at the socket of the slot."""
_WIDTH = 100


def template(*, slots: bool = False) -> str:
    """The text of the file. ``slots``: for an app with two slots."""
    environments = Section("Environments", "", (DEFAULT_ENV,))
    examples = _SLOT_EXAMPLES if slots else {}
    # A table ends what stands above it, so the top level comes first.
    top = [section for section in table.SECTIONS if section.table == TOP]
    tables = [section for section in table.SECTIONS if section.table != TOP]
    sections = [_section(section, examples) for section in (*top, environments, *tables)]
    parts = [_comment(_HEAD), _comment(_START_SLOTS if slots else _START), *sections]
    hosts = f"# --- The table [hosts]\n#\n{_comment(HOSTS_HELP)}\n#\n{_shown(HOSTS_EXAMPLE)}"
    return "\n\n".join([*parts, hosts, f"{_comment(TABLES_HELP)}\n{_disabled(TABLES_EXAMPLE)}"])


def _section(section: Section, examples: Mapping[str, str]) -> str:
    head = f"# --- {section.title}"
    if section.intro:
        head += f"\n#\n{_comment(section.intro)}"
    if section.table != TOP:
        head += f"\n\n{_disabled(f'[{section.table}]')}"
    return "\n\n".join(
        [head, *(_setting(each, examples.get(each.name, each.example)) for each in section.settings)]
    )


def _setting(setting: Setting[object], example: object) -> str:
    sentences = [setting.help, setting.more]
    if isinstance(setting, DefaultedSetting):
        sentences.append(f"Default: {toml(setting.default)}.")
    elif setting.absent:
        sentences.append(f"Default: {setting.absent}.")
    text = " ".join(filter(None, sentences))
    return f"{_comment(text)}\n{_disabled(f'{setting.key} = {toml(example)}')}"


def _comment(text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _shown(text: str) -> str:
    """An example that stays one."""
    return re.sub(r"(?m)^(?=.)", "#     ", text)


def _disabled(text: str) -> str:
    return re.sub(r"(?m)^(?=.)", "#", text)
