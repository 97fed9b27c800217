"""Gives a job back the rights on its directory that a release took away.

A release may run as the account that deploys. One that runs ``chmod -R`` must not keep the job from recording
what it did, nor anybody from reading that. Not for a release that means harm: it may do all that its account
may.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def regained(method: F) -> F:
    """A method of a job, tried again where the rights on its directory had to be regained."""

    @functools.wraps(method)
    def tried(self: Any, *arguments: Any) -> Any:
        try:
            return method(self, *arguments)
        except PermissionError:
            if not self.directory.regain():
                raise
            return method(self, *arguments)

    return cast(F, tried)
