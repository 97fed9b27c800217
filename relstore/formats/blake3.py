"""BLAKE3-256 in plain Python, for the metadata a host must check: manifests and records.

Not for file contents, which hosts verify with hashlib's SHA-256 at C speed, and not for the keyed or
key-derivation modes or longer outputs. The client uses the ``blake3`` package; both give the same digests.

The algorithm and its names (chunk, block, chaining value, parent) are those of O'Connor, Aumasson, Neves and
Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere", 2020. As in the paper's use of SIMD vectors, many
chunks are compressed at once: each chunk has a *lane*, and one vector holds the same word of every lane's
state or message. A vector here is one Python integer, lane 0 lowest, each lane one 32-bit word in 64 bits:

    bit   0        32        64        96       128
          | lane 0 | zeros   | lane 1  | zeros  | lane 2 ...

The upper half of a lane's 64-bit slot takes the carries of an addition and the bits a shift pushes out, and
one ``and`` clears it in all lanes, so a step costs one integer operation however many lanes there are.
With one lane this is the scalar function; with hundreds the interpreter's share of the time vanishes.
The parents of one level are lanes just the same.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

_DIGEST = 32
_BLOCK = 64
_CHUNK = 1024
# Measured on CPython 3.11: 10 MB/s with 16 lanes, 20 with 64, 30 with 256, 35 with 1024; PyPy gains nothing
# beyond 256. Memory grows with the lanes: 256 are a quarter MiB of input, and each vector takes 2 KiB.
_MAX_LANES = 256

_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_WORD = 0xFFFFFFFF
_IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
_ROUNDS = 7
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)


class _Node(NamedTuple):
    """What the lanes of one call have in common: all are chunks of one length, or all are parents."""

    blocks: int
    first: int  # flags of the first block
    last: int  # flags of the last block
    last_length: int = _BLOCK  # bytes of the last block that are input and not padding
    numbered: bool = True  # whether a node's position in its level is its counter; a parent's counter is 0

    @property
    def size(self) -> int:
        return self.blocks * _BLOCK


_FULL_CHUNK = _Node(_CHUNK // _BLOCK, _CHUNK_START, _CHUNK_END)
_INNER_PARENT = _Node(1, _PARENT, _PARENT, numbered=False)
_ROOT_PARENT = _Node(1, _PARENT, _PARENT | _ROOT, numbered=False)


class Hasher:
    """A hash of what comes in pieces: 32 bytes are kept of each KiB, and what no chunk is full of yet."""

    def __init__(self) -> None:
        self._level = bytearray()
        self._rest = b""

    def update(self, data: bytes) -> None:
        """The next bytes. Pieces of some hundred KiB are hashed fastest."""
        self._rest += data
        before = max(0, len(self._rest) - 1) // _CHUNK  # the chunks ahead of the last, which ends the hash
        if before:
            full = memoryview(self._rest)[: before * _CHUNK]
            self._level += _level(_FULL_CHUNK, full, len(self._level) // _DIGEST)
            self._rest = self._rest[before * _CHUNK :]

    def digest(self) -> bytes:
        """The 32-byte hash of all that came."""
        if not self._level:
            return _last_chunk(self._rest, position=0, root=_ROOT)
        level = bytes(self._level) + _last_chunk(self._rest, position=len(self._level) // _DIGEST, root=0)
        while len(level) > _BLOCK:
            paired = len(level) // _BLOCK * _BLOCK
            # A value without a partner rises as it is: so the left subtrees are full, as in the paper.
            level = _level(_INNER_PARENT, memoryview(level)[:paired]) + level[paired:]
        return _chaining_values(_ROOT_PARENT, memoryview(level), position=0)


def digest(data: bytes) -> bytes:
    """The 32-byte BLAKE3 hash of ``data``."""
    hasher = Hasher()
    hasher.update(data)
    return hasher.digest()


def digests(contents: Sequence[bytes]) -> list[bytes]:
    """The hashes of many contents; those of at most one chunk, as records are, share one call's lanes."""
    found: list[bytes] = [b""] * len(contents)
    by_blocks: dict[int, list[int]] = {}
    for index, data in enumerate(contents):
        if len(data) > _CHUNK:
            found[index] = digest(data)
        else:
            by_blocks.setdefault(_blocks(len(data)), []).append(index)
    for blocks, indexes in by_blocks.items():
        node = _Node(blocks, _CHUNK_START, _CHUNK_END | _ROOT, numbered=False)
        for start in range(0, len(indexes), _MAX_LANES):
            group = indexes[start : start + _MAX_LANES]
            data = b"".join([contents[index].ljust(node.size, b"\0") for index in group])
            lengths = [len(contents[index]) - (blocks - 1) * _BLOCK for index in group]
            values = _chaining_values(node, memoryview(data), position=0, last_lengths=lengths)
            for lane, index in enumerate(group):
                found[index] = values[lane * _DIGEST : (lane + 1) * _DIGEST]
    return found


def _blocks(length: int) -> int:
    return max(1, -(-length // _BLOCK))


def _last_chunk(data: bytes, position: int, root: int) -> bytes:
    """The chaining value of the one chunk that may be short, even empty; ``root`` is a flag or 0."""
    blocks = _blocks(len(data))
    node = _Node(blocks, _CHUNK_START, _CHUNK_END | root, len(data) - (blocks - 1) * _BLOCK)
    return _chaining_values(node, memoryview(data.ljust(node.size, b"\0")), position)


def _level(node: _Node, data: memoryview, first: int = 0) -> bytes:
    """The chaining values of all the nodes laid end to end in ``data``, a group of lanes at a time.

    ``first``: the place of the first node in its level.
    """
    group = node.size * _MAX_LANES
    return b"".join(
        _chaining_values(node, data[start : start + group], first + start // node.size)
        for start in range(0, len(data), group)
    )


def _chaining_values(node: _Node, data: memoryview, position: int, last_lengths: Sequence[int] = ()) -> bytes:
    """The 32-byte chaining values of the nodes in ``data``, one lane each.

    ``position`` is the first node's place in its level. ``last_lengths``: the bytes of each node's last block
    that are input, where they differ.
    """
    lanes = len(data) // node.size
    ones = _vector(struct.pack("<Q", 1) * lanes)
    counter = _vector(struct.pack(f"<{lanes}Q", *range(position, position + lanes))) if node.numbered else 0
    values = [word * ones for word in _IV]
    for block in range(node.blocks):
        is_last = block == node.blocks - 1
        flags = (node.first if block == 0 else 0) | (node.last if is_last else 0)
        if is_last and last_lengths:
            length = _vector(struct.pack(f"<{lanes}Q", *last_lengths))
        else:
            length = (node.last_length if is_last else _BLOCK) * ones
        message = _message(data, node, block, ones * _WORD)
        values = _compress(values, message, counter, length, flags, ones)
    return _interleave(values, lanes)


def _vector(slots: bytes) -> int:
    return int.from_bytes(slots, "little")


def _message(data: memoryview, node: _Node, block: int, mask: int) -> list[int]:
    """The 16 message vectors of every node's block number ``block``."""
    # The items are only moved, never read as numbers, so the machine's byte order does not matter.
    word_pairs = data.cast("Q")
    stride = node.size // 8
    message = []
    for index in range(block * _BLOCK // 8, (block + 1) * _BLOCK // 8):
        pair = _vector(word_pairs[index::stride].tobytes())
        message += [pair & mask, (pair >> 32) & mask]
    return message


def _interleave(values: list[int], lanes: int) -> bytes:
    """Eight vectors of words as ``lanes`` chaining values end to end: the reverse of ``_message``."""
    result = bytearray(_DIGEST * lanes)
    word_pairs = memoryview(result).cast("Q")
    for index in range(4):
        pair = values[2 * index] | (values[2 * index + 1] << 32)
        word_pairs[index::4] = memoryview(pair.to_bytes(8 * lanes, "little")).cast("Q")
    return bytes(result)


def _compress(values: list[int], m: list[int], counter: int, length: int, flags: int, ones: int) -> list[int]:
    """The compression function, cut to the eight vectors of the next chaining values.

    ``values``, ``m``, ``counter`` and ``length`` are vectors; ``flags`` are the same for every lane.
    """
    mask = ones * _WORD
    v0, v1, v2, v3, v4, v5, v6, v7 = values
    v8, v9, v10, v11 = (word * ones for word in _IV[:4])
    # The counter's upper word stays 0: it counts chunks, and 2**32 of them are 4 TiB.
    v12, v13, v14, v15 = counter, 0, length, flags * ones
    for _ in range(_ROUNDS):
        v0, v4, v8, v12 = _mix(v0, v4, v8, v12, m[0], m[1], mask)
        v1, v5, v9, v13 = _mix(v1, v5, v9, v13, m[2], m[3], mask)
        v2, v6, v10, v14 = _mix(v2, v6, v10, v14, m[4], m[5], mask)
        v3, v7, v11, v15 = _mix(v3, v7, v11, v15, m[6], m[7], mask)
        v0, v5, v10, v15 = _mix(v0, v5, v10, v15, m[8], m[9], mask)
        v1, v6, v11, v12 = _mix(v1, v6, v11, v12, m[10], m[11], mask)
        v2, v7, v8, v13 = _mix(v2, v7, v8, v13, m[12], m[13], mask)
        v3, v4, v9, v14 = _mix(v3, v4, v9, v14, m[14], m[15], mask)
        m = [m[source] for source in _PERMUTATION]
    return [v0 ^ v8, v1 ^ v9, v2 ^ v10, v3 ^ v11, v4 ^ v12, v5 ^ v13, v6 ^ v14, v7 ^ v15]


def _mix(a: int, b: int, c: int, d: int, x: int, y: int, mask: int) -> tuple[int, int, int, int]:
    """The paper's G: add, exclusive-or and rotate right by 16, 12, 8 and 7, in every lane."""
    a = (a + b + x) & mask
    d ^= a
    d = (d >> 16 | d << 16) & mask
    c = (c + d) & mask
    b ^= c
    b = (b >> 12 | b << 20) & mask
    a = (a + b + y) & mask
    d ^= a
    d = (d >> 8 | d << 24) & mask
    c = (c + d) & mask
    b ^= c
    b = (b >> 7 | b << 25) & mask
    return a, b, c, d
