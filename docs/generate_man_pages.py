"""Write docs/man/ from the program: relstore(1), a page for each command, relstore.toml(5).

``python docs/generate_man_pages.py`` writes it; with ``--check`` it only tells whether it is current. The
words are those of the command reference (``generate_reference``), turned from Markdown into roff. The wheel
installs the pages below share/man.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import generate_reference as reference

from relstore.cli.catalog import COMMANDS, GROUPS

MAN = reference.DOCS / "man"
FIRST = ("meaning", "what it does", "what to know")
"""Columns of a table that say most: a man page, where a row is a paragraph, has them first."""


def pages() -> dict[str, str]:
    """Every page by its path below docs/man."""
    made = {"man1/relstore.1": program(), "man5/relstore.toml.5": configuration()}
    for name, listed in COMMANDS.items():
        made[f"man1/relstore-{name}.1"] = command(name)
        if listed.alias:
            made[f"man1/relstore-{listed.alias}.1"] = f".so man1/relstore-{name}.1\n"
    return made


def program() -> str:
    page = reference.data()["prose"]
    parts = [
        head("relstore", 1, "content-addressed releases on ordinary Linux hosts, over SSH"),
        ".SH SYNOPSIS\n.B relstore\n.I COMMAND\n[OPTIONS] [ARGUMENTS]",
    ]
    for title, group in GROUPS.items():
        rows = [
            (f"`{listed.names(name)}`", f"{listed.short} See relstore-{name}(1).")
            for name, listed in group.items()
        ]
        parts += [f".SH {title.upper()}", *table(("command", "meaning"), rows)]
    whole = reference.reference()
    for title in (
        "Common options",
        "Targets",
        "Generations",
        "Outcomes",
        "Exit codes",
        "Environment variables",
    ):
        text = whole.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
        parts += [f".SH {title.upper()}", *roff(text)]
    parts += [".SH OUTPUT", *roff(page["commands"]), see_also("relstore.toml(5)", "relstore-push(1)")]
    return joined(parts)


def command(name: str) -> str:
    text = reference.command(name, None)
    _title, usage, rest = re.split(r"```text\n(.*?)\n```", text, maxsplit=1, flags=re.DOTALL)
    rest = rest.replace("\n| option |", "\n# Options\n\n| option |").replace(
        "\n```sh\n", "\n# Examples\n\n```sh\n"
    )
    return joined(
        [
            head(f"relstore-{name}", 1, COMMANDS[name].short.rstrip(".")),
            f".SH SYNOPSIS\n.B {escaped(usage)}",
            ".SH DESCRIPTION",
            *roff(rest),
            *roff(
                "# See also\n\nrelstore(1) has the common options, targets, generations, outcomes and exit "
                "codes; relstore.toml(5) has the keys."
            ),
        ]
    )


def configuration() -> str:
    return joined(
        [
            head("relstore.toml", 5, "what relstore deploys, where, and how"),
            ".SH DESCRIPTION",
            *roff(reference.data()["prose"]["configuration"]),
            *roff("\n\n".join(reference.configuration())),
            see_also("relstore(1)", "relstore-init(1)"),
        ]
    )


def head(name: str, section: int, what: str) -> str:
    title = f'.TH {escaped(name).upper()} {section} "" relstore relstore\n.nh\n.ad l\n'
    return f"{title}.SH NAME\n{escaped(name)} \\- {escaped(what)}"


def see_also(*names: str) -> str:
    return ".SH SEE ALSO\n" + ",\n".join(escaped(name) for name in names)


def roff(markdown: str) -> Iterator[str]:
    """The Markdown of the reference (headings, paragraphs, lists, tables and code) as roff."""
    for index, part in enumerate(re.split(r"^```\w*\n(.*?)^```$", markdown, flags=re.MULTILINE | re.DOTALL)):
        if index % 2:
            yield f".PP\n.EX\n{escaped(part.rstrip())}\n.EE"
            continue
        for block in re.split(r"\n\s*\n", part.strip()):
            lines = block.splitlines()
            if block.startswith("| "):
                rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
                yield from table(rows[0], rows[2:])
            elif block.startswith("#"):
                yield f".SH {inline(block.lstrip('# ').upper())}"
            elif block:
                yield f".PP\n{inline(' '.join(lines))}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A row as a paragraph with its first cell as the tag."""
    for row in rows:
        cells = dict(zip(header[1:], row[1:], strict=True))
        said = [cells.pop(name) for name in FIRST if name in cells]
        if len(cells) == 1 and not said:
            said.append(cells.popitem()[1])
        said += [f"{name[:1].upper()}{name[1:]}: {cell}" for name, cell in cells.items() if cell]
        yield f".TP\n{inline(row[0])}\n" + "\n.br\n".join(inline(text) for text in said if text)


def inline(text: str) -> str:
    """A line of Markdown as roff: code is bold, and a link is its text."""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text).replace("\\|", "|")
    text = re.sub(r"(?<!\S)\*(\w+)\*(?!\S)", r"\1", text)
    parts = text.split("`")
    return guarded(
        "".join(f"\\fB{plain(part)}\\fR" if index % 2 else plain(part) for index, part in enumerate(parts))
    )


def escaped(text: str) -> str:
    return "\n".join(guarded(plain(line)) for line in text.split("\n"))


def plain(text: str) -> str:
    return (
        text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
        .replace("~", "\\(ti")
        .replace("^", "\\(ha")
    )


def guarded(line: str) -> str:
    """A line that roff does not take for a request."""
    return f"\\&{line}" if line.startswith(".") else line


def joined(parts: Sequence[str]) -> str:
    return "\n".join(parts) + "\n"


def present() -> dict[str, str]:
    return {
        str(path.relative_to(MAN)): path.read_text(encoding="utf-8")
        for path in MAN.rglob("*")
        if path.is_file()
    }


if __name__ == "__main__":
    made = pages()
    if "--check" in sys.argv[1:]:
        if present() != made:
            sys.exit("docs/man is not current: run `make reference`")
    else:
        for name in present().keys() - made.keys():
            (MAN / name).unlink()
        for name, page in made.items():
            path = Path(MAN, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(page, encoding="utf-8")
