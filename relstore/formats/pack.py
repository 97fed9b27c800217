"""The one module that owns msgpack: canonical bytes out, checked values in.

msgpack leaves choices that a content-addressed format cannot have: a number has several encodings,
a map may repeat a key, and a header may promise more than is there. So what is decoded is encoded
again and must give the same bytes, and every count is bounded before anything is allocated. Anything
that can be long is a *stream*: one small value after the other, never one long array, so that a reader's
memory is bounded by what it has read. Not for framing (``protocol.framing``) nor for what the values mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgpack

from relstore.errors import FormatError, NewerFormatError

Value = Any
"""None, bool, int, str, bytes, and lists and str-keyed dicts of these. No floats, no extensions."""

MAX_ITEMS = 1024
"""The most elements of one array or map. Nested headers then claim 8 MiB at most (msgpack stops at
1,024 levels); without it, 1 MiB of them claims gigabytes."""


def encode(value: Value) -> bytes:
    """The one encoding of ``value``. ``use_bin_type``: text and bytes stay apart."""
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def encode_stream(values: Iterable[Value]) -> bytes:
    """The encodings of ``values``, one after the other."""
    packer = msgpack.Packer(use_bin_type=True)
    return b"".join([packer.pack(value) for value in values])


def decode(raw: bytes, *, what: str, limit: int) -> Value:
    """The value whose one encoding is ``raw``.

    ``what`` names the format in errors; ``limit`` bounds ``raw`` in bytes. Raises FormatError for
    anything that ``encode`` would not have written, trailing bytes included.
    """
    values = list(decode_stream(raw, what=what, limit=limit))
    if len(values) != 1:
        raise FormatError(f"not a {what}: {len(values)} values instead of one")
    return values[0]


def encode_fields(magic: str, version: int, fields: Iterable[Value]) -> bytes:
    """The bytes of a small file of ours: its format's name, its version, and its fields."""
    return encode([magic, version, *fields])


def decode_fields(raw: bytes, *, what: str, magic: str, version: int, count: int, limit: int) -> list[Value]:
    """The ``count`` fields that ``encode_fields`` wrote. Raises FormatError, saying which part is wrong, and
    NewerFormatError for a later version."""
    value = decode(raw, what=what, limit=limit)
    if not isinstance(value, list) or len(value) < 2 or value[0] != magic:
        raise FormatError(f"not a {what}: it does not begin like one")
    if type(value[1]) is not int or value[1] != version:
        newer = type(value[1]) is int and value[1] > version
        kind = NewerFormatError if newer else FormatError
        raise kind(f"a {what} of version {value[1]!r}; this relstore knows {version}")
    fields = value[2:]
    if len(fields) != count:
        raise FormatError(f"a {what} of {len(fields)} fields, not {count}")
    return fields


def decode_stream(raw: bytes, *, what: str, limit: int) -> Iterator[Value]:
    """The values whose encodings, one after the other, are ``raw``. Raises FormatError as they come."""
    if len(raw) > limit:
        raise FormatError(f"a {what} of {len(raw)} bytes; at most {limit}")
    unpacker = msgpack.Unpacker(
        raw=False,  # text must be UTF-8
        strict_map_key=True,  # keys are text or bytes: no crafted hash collisions of numbers
        max_buffer_size=max(len(raw), 1),
        max_str_len=len(raw),
        max_bin_len=len(raw),
        max_array_len=MAX_ITEMS,
        max_map_len=MAX_ITEMS,
        max_ext_len=0,
    )
    packer = msgpack.Packer(use_bin_type=True)
    unpacker.feed(raw)
    position = 0
    while position < len(raw):
        try:
            value = unpacker.unpack()
            same = packer.pack(value)
        # The pure-Python and the C form of msgpack raise different ones of these.
        except (
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
            msgpack.UnpackException,
        ) as error:
            raise FormatError(f"not a {what}: {error or type(error).__name__}") from None
        if not raw.startswith(same, position):
            raise FormatError(f"not a {what}: not in canonical form")
        position += len(same)
        yield value
