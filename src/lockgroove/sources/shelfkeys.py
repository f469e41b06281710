"""A shelf's paths as keys and back: text for every path, the same path from every key."""

from __future__ import annotations

import re

_ENCODED = re.compile(r"%([0-9A-F]{2})")


def encode(path: bytes) -> str:
    """The key of a path below the shelf: `%`, control characters and what is not UTF-8 stand as %XX."""
    text = path.decode("utf-8", "surrogateescape")
    return "".join(_encoded(c) for c in text)


def _encoded(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"%{code - 0xDC00:02X}"
    if code < 32 or code == 127 or character == "%":
        return f"%{code:02X}"
    return character


def decode(key: str) -> bytes:
    """The path that a key stands for. Raises ValueError for one that would lead out of the shelf."""
    parts = _ENCODED.split(key)
    raw = b"".join(
        bytes([int(part, 16)]) if number % 2 else part.encode("utf-8") for number, part in enumerate(parts)
    )
    if raw.startswith(b"/") or b"\0" in raw or b".." in raw.split(b"/"):
        raise ValueError(f"the key leads out of the shelf: {key!r}")
    return raw


def is_plain(path: bytes) -> bool:
    """Whether the path is valid UTF-8."""
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
