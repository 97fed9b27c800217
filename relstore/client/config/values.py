"""What somebody set, whether in relstore.toml, in the environment or by flags: typed, frozen, in layers.

Not for finding or reading it (``load`` reads the file, ``cli`` the rest).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast, overload

from relstore.client.config.setting import DefaultedSetting, PathBase, Setting

T = TypeVar("T")
_NO_PATHS = PathBase(Path(), None)
"""No default is a path."""


@dataclass(frozen=True)
class Values:
    """Settings with their values. Whatever is missing was not set."""

    by_name: Mapping[str, object] = field(default_factory=dict)
    """Each value is what its setting's kind has read; ``get`` gives it its type back."""

    @overload
    def get(self, setting: DefaultedSetting[T]) -> T: ...

    @overload
    def get(self, setting: Setting[T]) -> T | None: ...

    def get(self, setting: Setting[T]) -> T | None:
        """The value of ``setting``, else its default, else None."""
        if setting.name in self.by_name:
            return cast(T, self.by_name[setting.name])
        if isinstance(setting, DefaultedSetting):
            return cast(T, setting.kind.read(setting.default, _NO_PATHS))
        return None


NOTHING = Values()


def layered(*layers: Values) -> Values:
    """All layers as one. A later one overrides the earlier ones: the file, the environment, the flags."""
    return Values({name: value for layer in layers for name, value in layer.by_name.items()})
