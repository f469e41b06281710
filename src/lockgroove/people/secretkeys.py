"""Keys that prove an account: shown once, kept as a digest, told from a mistyped one without looking it up.

A key is `lg_` and 32 Crockford base32 characters: 19 random bytes and a check byte. Nobody can guess one, so
a plain SHA-256 of it can be kept: slow digests are for words that people choose.
"""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "lg_"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_READ = {letter: number for number, letter in enumerate(_ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_RANDOM_BYTES = 19
_LENGTH = 32


def make() -> str:
    """A new key, as its owner is to keep it."""
    drawn = secrets.token_bytes(_RANDOM_BYTES)
    whole = int.from_bytes(drawn + _check(drawn), "big")
    return PREFIX + "".join(_ALPHABET[whole >> (5 * place) & 31] for place in reversed(range(_LENGTH)))


def digest(text: str) -> bytes | None:
    """What is kept of a key; None where it cannot be one, mistyped for example."""
    letters = text.strip().lower().removeprefix(PREFIX)
    if len(letters) != _LENGTH or not all(letter in _READ for letter in letters):
        return None
    whole = 0
    for letter in letters:
        whole = whole << 5 | _READ[letter]
    raw = whole.to_bytes(_RANDOM_BYTES + 1, "big")
    if raw[-1:] != _check(raw[:-1]):
        return None
    return hashlib.sha256(b"lockgroove-key\0" + raw).digest()


def _check(drawn: bytes) -> bytes:
    return hashlib.sha256(drawn).digest()[:1]
