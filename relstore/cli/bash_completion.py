"""Completion in bash, where a target is several words: bash ends a word at ``@``, ``:`` and ``=``.

click's own class for bash reads these words; this one reads the line. The other shells have no such habit.
"""

from __future__ import annotations

import os
import re
from typing import Any

from click.shell_completion import BashComplete, CompletionItem, split_arg_string

_WORD_BREAKS = re.compile(r".*[@:=]", re.DOTALL)


class LineComplete(BashComplete):
    """Completes the line up to the cursor."""

    source_template = """\
%(complete_func)s() {
    local completion type value
    COMPREPLY=()
    while IFS= read -r completion; do
        IFS=, read -r type value <<< "$completion"
        if [[ $type == dir ]]; then
            compopt -o dirnames
        elif [[ $type == file ]]; then
            compopt -o default
        elif [[ $type == plain ]]; then
            COMPREPLY+=("$value")
        fi
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    _typed = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        if not words or line[-1:].isspace():
            return words[1:], ""
        self._typed = words[-1]
        return words[1:-1], self._typed

    def format_completion(self, item: CompletionItem) -> str:
        # Bash replaces only the last of its words.
        typed = self._typed.partition("=")[2] if self._typed.startswith("--") else self._typed
        broken = _WORD_BREAKS.match(typed)
        value: Any = item.value
        return f"{item.type},{value.removeprefix(broken[0]) if broken else value}"
