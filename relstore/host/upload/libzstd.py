"""Decodes zstd with what the host has: Python's module from 3.14 on, else libzstd.so.1 through ctypes.

A base that both sides have may precede the content as its *prefix* (``ZSTD_DCtx_refPrefix`` in zstd.h); it is
mapped, not read into memory. ``usable`` tries zstd in a child process first, so that a library that crashes
costs the codec and not the session. Not for compressing, nor for the other codecs (``decoders``).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from relstore.errors import FormatError

PIECE_BYTES = 256 * 1024
PLAIN_WINDOW_LOG = 24
"""The largest window without a base: 16 MiB; level 19 uses less."""

_WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax
_MAX_WINDOW_LOG = 31 if sys.maxsize > 2**32 else 30

_SAMPLE_BASE = b"".join(bytes([value]) * 9 for value in range(250))
_SAMPLE = _SAMPLE_BASE[1500:] + b"relstore" + _SAMPLE_BASE[:1500]
_SAMPLE_FRAME = bytes.fromhex("28b52ffd0018ad000048a672656c73746f72650200d90d0ffeac2e5e25d8")
_SAMPLE_TIMEOUT_S = 5


def window_log(size: int) -> int:
    """The exponent of the window that covers ``size`` bytes of base and content."""
    return min(max(size.bit_length(), 10), _MAX_WINDOW_LOG)


def usable() -> bool:
    """Whether zstd works here, including a base as its prefix. A child process tries it."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    code = 1
    with contextlib.suppress(BaseException):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_SAMPLE_TIMEOUT_S)
        decoder = ZstdDecoder(memoryview(bytearray(_SAMPLE_BASE)), len(_SAMPLE))
        code = int(b"".join(decoder.decode(_SAMPLE_FRAME)) != _SAMPLE or not decoder.finished)
    os._exit(code)


class ZstdDecoder:
    """Decodes one frame. ``base``: a writable buffer that nobody changes meanwhile, or None."""

    def __init__(self, base: memoryview | None, size: int) -> None:
        """``size``: of the output, in bytes; it bounds the window and so the memory."""
        log = PLAIN_WINDOW_LOG if base is None else window_log(len(base) + size)
        module = _module()
        self._inner: Any = _Module(module, base, log) if module else _Library(base, log)

    @property
    def finished(self) -> bool:
        """Whether the frame has ended."""
        return bool(self._inner.finished)

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The output for ``data``, at most PIECE_BYTES at a time. Raises FormatError."""
        return self._inner.decode(data)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._inner.close()


def _module() -> Any:
    with contextlib.suppress(ImportError):  # before 3.14, or built without it
        return importlib.import_module("compression.zstd")
    return None


class _Module:
    def __init__(self, module: Any, base: memoryview | None, log: int) -> None:
        self._error = module.ZstdError
        options = {module.DecompressionParameter.window_log_max: log}
        prefix = None if base is None else module.ZstdDict(base, is_raw=True).as_prefix
        self._decompressor = module.ZstdDecompressor(prefix, options)

    @property
    def finished(self) -> bool:
        return bool(self._decompressor.eof)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._decompressor.eof:
                raise FormatError("bytes after the end of a zstd frame")
            try:
                piece = self._decompressor.decompress(data, PIECE_BYTES)
            except self._error as error:
                raise FormatError(f"not a valid zstd frame: {error}") from None
            if piece:
                yield piece
            if self._decompressor.eof:
                if self._decompressor.unused_data:
                    raise FormatError("bytes after the end of a zstd frame")
                return
            if self._decompressor.needs_input:
                return
            data = b""

    def close(self) -> None:
        self._decompressor = None


class _Library:
    def __init__(self, base: memoryview | None, log: int) -> None:
        # python3-minimal has no ctypes, and most sessions do not need it.
        ctypes = importlib.import_module("ctypes")

        class Buffer(ctypes.Structure):  # type: ignore[name-defined,misc]
            """ZSTD_inBuffer and ZSTD_outBuffer, which have the same layout."""

            _fields_ = (("address", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t))

        self.finished = False
        self._ctypes = ctypes
        self._buffer = Buffer
        self._library = _load(ctypes)
        self._out = ctypes.create_string_buffer(PIECE_BYTES)
        self._base = (ctypes.c_char * len(base)).from_buffer(base) if base is not None else None
        self._context = self._library.ZSTD_createDCtx()
        if not self._context:
            raise MemoryError
        self._check(self._library.ZSTD_DCtx_setParameter(self._context, _WINDOW_LOG_MAX, log))
        if base is not None:
            self._check(self._library.ZSTD_DCtx_refPrefix(self._context, self._base, len(base)))

    def decode(self, data: bytes) -> Iterator[bytes]:
        ctypes = self._ctypes
        held = ctypes.create_string_buffer(data, len(data))  # ``address`` alone would not keep it alive
        given = self._buffer(ctypes.addressof(held), len(data), 0)
        while True:
            if self.finished:
                raise FormatError("bytes after the end of a zstd frame")
            taken = self._buffer(ctypes.addressof(self._out), PIECE_BYTES, 0)
            left = self._library.ZSTD_decompressStream(
                self._context, ctypes.byref(taken), ctypes.byref(given)
            )
            self._check(left)
            self.finished = left == 0
            if taken.pos:
                yield ctypes.string_at(self._out, taken.pos)
            if given.pos == given.size and (self.finished or taken.pos < PIECE_BYTES):
                return

    def close(self) -> None:
        if self._context:
            self._library.ZSTD_freeDCtx(self._context)
            self._context = None
        self._base = None

    def _check(self, code: int) -> None:
        if self._library.ZSTD_isError(code):
            reason = self._library.ZSTD_getErrorName(code).decode("ascii", "replace")
            raise FormatError(f"not a valid zstd frame: {reason}")


def _load(ctypes: Any) -> Any:
    library = ctypes.CDLL("libzstd.so.1")
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    for name, result, arguments in (
        ("ZSTD_createDCtx", pointer, ()),
        ("ZSTD_freeDCtx", size, (pointer,)),
        ("ZSTD_DCtx_setParameter", size, (pointer, ctypes.c_int, ctypes.c_int)),
        ("ZSTD_DCtx_refPrefix", size, (pointer, pointer, size)),
        ("ZSTD_decompressStream", size, (pointer, pointer, pointer)),
        ("ZSTD_isError", ctypes.c_uint, (size,)),
        ("ZSTD_getErrorName", ctypes.c_char_p, (size,)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
