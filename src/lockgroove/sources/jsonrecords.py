"""Records in JSON, one a line, as services publish them: read as far as they can be, and kept as given.

Invariant: what comes back has no NUL and no lone surrogate; its body is JSON in UTF-8 that means the same as
the record. A value of the wrong type is left out and told; it does not cost its record.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from lockgroove.sources.dumpreading import Malformed, Note

_WRONG_VALUES_MAX = 100
_ODD_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<odd>u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2}))|.)"
)
_RAW_CONTROL = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f]")
_CONTROL_BYTE = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")
_UNDECODED = re.compile("[\udc80-\udcff]")
_PATH = re.compile(r"at `\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")

T = TypeVar("T")


def is_plain(data: bytes) -> bool:
    """Whether a record has no NUL, no lone surrogate, and nothing but UTF-8.

    Other control characters are not looked for, which would cost more than reading: see `has_control`.
    """
    if b"\\u" in data and _ODD_ESCAPE.search(data) and _has_odd_escape(data):
        return False
    if data.isascii():
        return b"\0" not in data
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def has_control(data: bytes) -> bool:
    """Whether a record has control characters that JSON does not allow; reading one fails."""
    return _CONTROL_BYTE.search(data) is not None


def mended(data: bytes) -> tuple[bytes, bytes]:
    r"""A record's body, all that it has in JSON that UTF-8 can hold, and the same to be read from.

    A byte that is not UTF-8 stands in the body as the escape of a lone surrogate, `\udcXX`, and a control
    character as its escape. In what is read, U+FFFD stands for these, for NUL and for lone surrogates.
    """
    text = data.decode("utf-8", "surrogateescape")
    body = _RAW_CONTROL.sub(lambda c: f"\\u{ord(c[0]):04x}", text)
    body = _UNDECODED.sub(lambda c: f"\\udc{ord(c[0]) - 0xDC00:02x}", body)
    readable = _UNDECODED.sub("\ufffd", _RAW_CONTROL.sub("\ufffd", text))
    readable = _ESCAPES.sub(lambda e: "\\ufffd" if e["odd"] else e[0], readable)
    return body.encode(), readable.encode()


def _has_odd_escape(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return any(found["odd"] for found in _ESCAPES.finditer(text))


def decoded(decoder: msgspec.json.Decoder[T], data: bytes, note: Note) -> T:
    """A record as the decoder's struct, without the values that have the wrong type. Raises Malformed."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        record: T = _without_wrong_values(decoder.type, data, note)
        return record
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from error
    except RecursionError as error:
        raise Malformed("nested too deeply") from error


def _without_wrong_values(kind: Any, data: bytes, note: Note) -> Any:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    for _ in range(_WRONG_VALUES_MAX):
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            if not _leave_out(value, str(error)):
                raise Malformed(str(error)) from error
            note("value-absurd", str(error))
    raise Malformed(f"more than {_WRONG_VALUES_MAX} values of the wrong type")


def _leave_out(value: Any, error: str) -> bool:
    """Take away what an error of msgspec points at; False when it points at the whole."""
    found = _PATH.search(error)
    steps = [name or int(index) for name, index in _STEP.findall(found[1])] if found else []
    if not steps:
        return False
    for step in steps[:-1]:
        value = value[step]
    del value[steps[-1]]
    return True
