"""Keys and stamps as eight bytes each, so that what 256 million of them are can be told from memory.

Two different keys share a digest once in 10^11 comparisons at that size: then one is claimed once more than
needed, or is not withdrawn. No digest leaves the archive.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]

GONE = 0  # in place of a stamp: the source offers the key no more
_SALT = "kind 15:"  # with it, all kinds that there are have marks of their own
_KIND_MASK = 15  # the lowest bits of a key's digest tell its kind


def key_digests(keys: Iterable[str]) -> Digests:
    """The digests of keys, `kind NUL key` each."""
    return np.frombuffer(b"".join(map(_digest, keys)), dtype="<u8")


def stamp_digests(stamps: Iterable[str]) -> Digests:
    """The digests of stamps; none is GONE."""
    digests: Digests = np.frombuffer(b"".join(map(_plain, stamps)), dtype="<u8").copy()
    digests[digests == GONE] = 1
    return digests


def stamp_digest(stamp: str) -> int:
    """The digest of one stamp."""
    return int.from_bytes(_plain(stamp), "little") or 1


def of_kinds(digests: Digests, kinds: Iterable[str]) -> npt.NDArray[np.bool_]:
    """Which keys may be of these kinds: all that are, and by chance some that are not."""
    marks = np.zeros(_KIND_MASK + 1, dtype=np.bool_)
    marks[[_kind_mark(kind) for kind in kinds]] = True
    found: npt.NDArray[np.bool_] = marks[(digests & np.uint64(_KIND_MASK)).astype(np.intp)]
    return found


def _digest(key: str) -> bytes:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return bytes(((digest[0] & ~_KIND_MASK) | _kind_mark(key.partition("\0")[0]),)) + digest[1:]


def _plain(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


@lru_cache(64)
def _kind_mark(kind: str) -> int:
    return _plain(f"{_SALT}{kind}")[0] & _KIND_MASK
