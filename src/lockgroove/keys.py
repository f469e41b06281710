"""Signatures that a stranger can check with minisign, and keyed digests that tell nothing of a name.

Format: minisign's, https://jedisct1.github.io/minisign/ ("ED": Ed25519 over BLAKE2b-512).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lockgroove import durable
from lockgroove.errors import UsageError, VerificationFailed

SIGNING_KEY = "signing.key"
DIGEST_KEY = "digest.key"
_PREHASHED = b"ED"
_KEY_WORD = b"Ed"
_TRUSTED = "trusted comment: "


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 key and its 8-byte number, as in a minisign .pub file."""

    number: bytes
    key: bytes

    def text(self) -> str:
        """The key as one base64 word, as minisign's `-P` takes it."""
        return base64.b64encode(_KEY_WORD + self.number + self.key).decode()

    def file(self) -> bytes:
        """The key as a .pub file."""
        number = self.number[::-1].hex().upper()
        return f"untrusted comment: minisign public key {number}\n{self.text()}\n".encode()


class SigningKey:
    """The archive's own key. It never leaves `keys/`."""

    def __init__(self, number: bytes, seed: bytes) -> None:
        self._number = number
        self._private = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> PublicKey:
        """What others verify with."""
        return PublicKey(self._number, self._private.public_key().public_bytes_raw())

    def sign(self, data: bytes, comment: str) -> bytes:
        """A .minisig file over `data`; `comment` is one line, signed with it. Same input, same bytes."""
        if "\n" in comment or "\r" in comment:
            raise ValueError("a trusted comment is one line")
        signature = self._private.sign(hashlib.blake2b(data).digest())
        over_comment = self._private.sign(signature + comment.encode())
        return (
            f"untrusted comment: signature of a Lockgroove archive\n"
            f"{base64.b64encode(_PREHASHED + self._number + signature).decode()}\n"
            f"trusted comment: {comment}\n"
            f"{base64.b64encode(over_comment).decode()}\n"
        ).encode()


def parse_public(text: str) -> PublicKey:
    """A public key from a .pub file or its base64 word. Raises UsageError."""
    word = next((line for line in reversed(text.strip().splitlines()) if line.strip()), "")
    try:
        raw = base64.b64decode(word, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 42 or raw[:2] != _KEY_WORD:
        raise UsageError("This is not a minisign public key", word[:60])
    return PublicKey(raw[2:10], raw[10:])


def verify(data: bytes, signature_file: bytes, public: PublicKey, where: str) -> str:
    """The trusted comment of a good signature. Raises VerificationFailed on any other."""
    try:
        untrusted, first, comment_line, second = signature_file.decode().removesuffix("\n").split("\n")
        if not (untrusted.startswith("untrusted comment: ") and comment_line.startswith(_TRUSTED)):
            raise VerificationFailed("This is not a minisign signature", where)
        raw, over_comment = _decoded(first), _decoded(second)
        comment = comment_line.removeprefix(_TRUSTED)
        signature = raw[10:]
        if raw[:2] != _PREHASHED or raw[2:10] != public.number:
            raise VerificationFailed("It was signed with another key", where)
        key = Ed25519PublicKey.from_public_bytes(public.key)
        key.verify(signature, hashlib.blake2b(data).digest())
        key.verify(over_comment, signature + comment.encode())
    except (ValueError, InvalidSignature):
        raise VerificationFailed("The signature does not hold", where, "Try another mirror.") from None
    return comment


def _decoded(word: str) -> bytes:
    """The bytes of a base64 word in its one canonical form: no two files may stand for one signature."""
    raw = base64.b64decode(word, validate=True)
    if base64.b64encode(raw).decode() != word:
        raise ValueError("not canonical base64")
    return raw


def create(folder: str) -> None:
    """Make the archive's keys, readable by their owner alone."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    durable.replace_file(f"{folder}/{SIGNING_KEY}", secrets.token_bytes(8 + 32), mode=0o600)
    durable.replace_file(f"{folder}/{DIGEST_KEY}", secrets.token_bytes(32), mode=0o600)


def load_signing(folder: str) -> SigningKey:
    """The archive's signing key. Raises UsageError when it is missing or cut."""
    raw = _read(folder, SIGNING_KEY, 40)
    return SigningKey(raw[:8], raw[8:])


def listener_group(folder: str) -> _ListenerGroup:
    """A function from a listener's name to one of 64 groups."""
    return _ListenerGroup(_read(folder, DIGEST_KEY, 32))


def digest_key(folder: str) -> bytes:
    """The key that names are digested under, 32 bytes."""
    return _read(folder, DIGEST_KEY, 32)


class _ListenerGroup:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, listener: str) -> int:
        """The group, 0 to 63: keyed, so that a name cannot be looked up from outside."""
        return hmac.new(self._key, listener.encode(), hashlib.sha256).digest()[0] & 63


def _read(folder: str, name: str, size: int) -> bytes:
    try:
        with open(f"{folder}/{name}", "rb") as file:
            raw = file.read()
    except FileNotFoundError:
        raw = b""
    if len(raw) != size:
        raise UsageError(
            "The archive's key is missing or cut", f"{folder}/{name}", "Bring it back from a copy."
        )
    return raw
