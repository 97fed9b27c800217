"""The names of the codecs that contents travel in, the same on both sides: docs/formats/protocol.md.

Not for encoding (``client.transfer.encoders``) nor for decoding (``host.upload.decoders``).
"""

RAW, ZLIB, XZ, ZSTD = "raw", "zlib", "xz", "zstd"

PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD = "patch-lzma", "patch-zlib", "patch-zstd"
"""An add-block delta, by what compresses its columns."""

PATCHES = (PATCH_LZMA, PATCH_ZLIB, PATCH_ZSTD)
