"""The commented relstore.toml that ``relstore init`` writes, made from the declarations of the keys.

A ``#`` with a space begins an explanation, one without disables a setting: removing every such ``#``
gives a file that is valid as a whole.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping

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


def template(*, slots: bool = False, live: Mapping[str, object] | None = None) -> str:
    """The text of the file. ``slots``: for an app with two slots. ``live``: what it sets, by key."""
    live = live or {}
    environments = Section("Environments", "", (DEFAULT_ENV,))
    examples = _SLOT_EXAMPLES if slots else {}
    # A table ends what stands above it, so the top level comes first.
    top = [section for section in table.SECTIONS if section.table == TOP]
    tables = [section for section in table.SECTIONS if section.table != TOP]
    sections = [_section(section, examples, live) for section in (*top, environments, *tables)]
    parts = [_comment(_HEAD), *_live(live), _comment(_START_SLOTS if slots else _START), *sections]
    hosts = f"# --- The table [hosts]\n#\n{_comment(HOSTS_HELP)}\n#\n{_shown(HOSTS_EXAMPLE)}"
    return "\n\n".join([*parts, hosts, f"{_comment(TABLES_HELP)}\n{_disabled(TABLES_EXAMPLE)}"])


def _live(live: Mapping[str, object]) -> Iterator[str]:
    if live:
        lines = [f"{name} = {literal(value)}" for name, value in live.items()]
        yield "\n".join(
            [_comment("What was set when this file was made; each key is explained below."), *lines]
        )


def literal(value: object) -> str:
    """A value as the file has it, whatever a person typed."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, str):
        # A JSON string is a basic string of TOML, but for one character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return toml(value)


def _section(section: Section, examples: Mapping[str, str], live: Mapping[str, object]) -> str:
    head = f"# --- {section.title}"
    if section.intro:
        head += f"\n#\n{_comment(section.intro)}"
    if section.table != TOP:
        head += f"\n\n{_disabled(f'[{section.table}]')}"
    return "\n\n".join(
        [
            head,
            *(
                _setting(each, None if each.name in live else examples.get(each.name, each.example))
                for each in section.settings
            ),
        ]
    )


def _setting(setting: Setting[object], example: object | None) -> str:
    """``example``: None for a key that the file sets already, which must not stand there twice."""
    sentences = [setting.help, setting.more]
    if isinstance(setting, DefaultedSetting):
        sentences.append(f"Default: {toml(setting.default)}.")
    elif setting.absent:
        sentences.append(f"Default: {setting.absent}.")
    if example is None:
        return _comment(" ".join(filter(None, [f"{setting.name}, set above:", *sentences])))
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
