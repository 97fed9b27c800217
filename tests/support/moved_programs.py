"""Programs in which every address moves from release to release, made of nothing but a seed."""

from __future__ import annotations

import random
import struct

_FUNCTIONS, _MOST_BYTES = 300, 400


def release(number: int, functions: int = _FUNCTIONS) -> bytes:
    """Release ``number``: as the one before, with some functions longer, and so all the others elsewhere.

    Each function is bytes of its own with calls in between: five bytes, the last four relative to what
    follows, as on x86-64.
    """
    bodies, starts = _bodies(number, functions)
    program = bytearray()
    for index, body in enumerate(bodies):
        for count, part in enumerate(body):
            program += part + b"\xe8"
            target = starts[(index * 7 + count * 13) % functions]
            program += struct.pack("<i", target - len(program) - 4)
    return bytes(program)


def starts_of(number: int, functions: int = _FUNCTIONS) -> list[int]:
    """Where each function of a release begins."""
    return _bodies(number, functions)[1]


def _bodies(number: int, functions: int) -> tuple[list[list[bytes]], list[int]]:
    bodies = [_body(index, number) for index in range(functions)]
    starts, at = [], 0
    for body in bodies:
        starts.append(at)
        at += sum(len(part) + 5 for part in body)
    return bodies, starts


def _body(index: int, number: int) -> list[bytes]:
    own = random.Random(index)
    parts = [own.randbytes(own.randrange(8, 40)) for _ in range(own.randrange(2, _MOST_BYTES // 20))]
    grown = sum(1 for release in range(1, number + 1) if (index + release) % 11 == 0)
    return [*parts, *(random.Random(f"{index} {more}").randbytes(16) for more in range(grown))]
