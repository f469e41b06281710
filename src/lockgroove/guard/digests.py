"""Keyed digests of 63 bits, for names, tokens, addresses and programs: told apart, and not told back.

Invariant: the key never leaves the machine's `keys/`. An address is cut to its network first (/24, or /48
of IPv6) and its digest is good for a month, so that no longer trace of where somebody was can be put
together.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Container
from hashlib import blake2b

_CACHED_MAX = 200_000


class Digests:
    """Digests under one key. What is the same has the same digest, within one kind of thing.

    Of digests that are `wanted`, `texts` has what they stand for once it was met.
    """

    def __init__(self, key: bytes, wanted: Container[int] = ()) -> None:
        self._key = key
        self._wanted = wanted
        self._cached: dict[tuple[str, str], int] = {}
        self.texts: dict[int, str] = {}

    def of(self, kind: str, text: str) -> int:
        """A number of 63 bits, never 0; 0 for no text."""
        if not text:
            return 0
        known = self._cached.get((kind, text))
        if known is not None:
            return known
        made = blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key, person=kind.encode()[:16]
        )
        number = int.from_bytes(made.digest(), "little") >> 1 or 1
        if number in self._wanted:
            self.texts[number] = text
        if len(self._cached) >= _CACHED_MAX:  # hostile names would fill the memory
            self._cached.clear()
        self._cached[kind, text] = number
        return number

    def of_account(self, number: int) -> int:
        """Of an account of ours, by its number."""
        return self.of("account", str(number))

    def of_network(self, address: str, ts_ms: int) -> int:
        """Of the network that an address is in, for the month of `ts_ms`; 0 for what is no address."""
        network = network_of(address)
        return self.of("network", f"{network} {_month(ts_ms)}") if network else 0


def of_file(sha512: str) -> int:
    """A file's number: the first 63 bits of its digest. It tells no more than the catalogue does."""
    return int(sha512[:16], 16) >> 1 or 1


def file_start(number: int) -> str:
    """The 15 hexadecimal figures that the digest of the file with this number begins with."""
    return f"{number << 1:016x}"[:15]


def network_of(address: str) -> str:
    """The /24 or /48 of an address, "" for what is none."""
    plain = plain_address(address)
    if not plain:
        return ""
    return str(ipaddress.ip_network((plain, 24 if "." in plain else 48), strict=False))


def plain_address(text: str) -> str:
    """An address as it is usually written, without port and zone, IPv4 as such; "" for what is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _month(ts_ms: int) -> str:
    try:
        return time.strftime("%Y-%m", time.gmtime(ts_ms / 1000))
    except (OverflowError, OSError, ValueError):
        return ""
