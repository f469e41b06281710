"""Every byte read again, here or at a place, against digests that lie elsewhere. Damage is a finding.

In: what is expected (from the index and the journal) and a storage. Out: findings, each naming one file.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from lockgroove.errors import DamageFound
from lockgroove.findings import Finding
from lockgroove.report import Report
from lockgroove.storage import Storage
from lockgroove.vault import ocfl
from lockgroove.vault.index import HeldIndex, HeldObject

_READERS = 2
_WAITING_MAX = 256


@dataclass(frozen=True)
class Stretch:
    """Bytes of a file and the digest they must have; `length` None is as far as the file goes."""

    offset: int
    length: int | None
    algorithm: str
    digest: str


@dataclass(frozen=True)
class Expected:
    """One file as it must be: its stretches, whether it ends there, and what can write it anew."""

    path: str
    code: str
    stretches: Sequence[Stretch]
    object_id: str = ""
    ends: bool = True
    literal: bytes | None = None

    @property
    def size_bytes(self) -> int | None:
        """Where the last stretch ends; None when only its digest is known."""
        last = self.stretches[-1]
        return None if last.length is None else last.offset + last.length


@dataclass(frozen=True)
class AuditResult:
    """What an audit of one storage read and found."""

    place: str
    files: int
    bytes: int
    findings: Sequence[tuple[Expected | None, Finding]]
    lacks_since: str | None = None

    def outcome(self) -> dict[str, Any]:
        """For the journal: counts, and the objects with damage."""
        damaged = sorted(
            {e.object_id for e, f in self.findings if e and e.object_id and f.severity == "damage"}
        )
        counts = {
            "files": self.files,
            "bytes": self.bytes,
            "findings": [f.as_json() for _, f in self.findings[:1000]],
            "findings_count": len(self.findings),
            "damaged_objects": damaged,
        }
        return counts if self.lacks_since is None else counts | {"lacks_since": self.lacks_since}


@dataclass(frozen=True)
class Lacking:
    """What a place need not hold yet: it has not come so far in the journal."""

    events: int = 0
    objects: frozenset[str] = frozenset()
    parts: frozenset[tuple[str, int]] = frozenset()
    since: str | None = None


NOTHING = Lacking()


def expected_claims(index: HeldIndex, lacking: Lacking = NOTHING) -> Iterator[Expected]:
    """The packs of claims: acknowledged stretches; what follows the last one is nobody's."""
    stretches: dict[str, list[Stretch]] = {}
    for path, offset, length, digest, *_ in index.claim_parts():
        if (path, offset) not in lacking.parts:
            stretches.setdefault(path, []).append(Stretch(offset, length, "sha256", digest))
    for path, parts in stretches.items():
        yield Expected(path, "claims-damaged", parts, ends=False)


def expected_of_object(index: HeldIndex, held: HeldObject) -> Iterator[Expected]:
    """An object's files: inventory by the journal, content by the index, the rest by their meaning."""
    base = f"{ocfl.ROOT}/{held.path}"
    size, digest = held.inventory_bytes, held.inventory_sha512
    for path in (ocfl.INVENTORY, f"v1/{ocfl.INVENTORY}"):
        whole = (Stretch(0, size, "sha512", digest),)
        yield Expected(f"{base}/{path}", "inventory-damaged", whole, held.id)
    sidecar = f"{digest}  {ocfl.INVENTORY}\n".encode()
    for path in (ocfl.SIDECAR, f"v1/{ocfl.SIDECAR}"):
        yield _literal(f"{base}/{path}", "inventory-damaged", sidecar, held.id)
    yield _literal(f"{base}/{ocfl.OBJECT_DECLARATION}", "file-damaged", b"ocfl_object_1.1\n", held.id)
    if index.untold(held.id):
        return  # its inventory tells what it holds
    files = {file.path: file for file in index.files_of(held.id)}  # several claims may share the bytes
    for file in files.values():
        whole = (Stretch(0, file.size_bytes, "blake3", file.blake3),)
        yield Expected(f"{base}/{ocfl.CONTENT}/{file.path}", "file-damaged", whole, held.id)


def expected_by_inventory(storage: Storage, index: HeldIndex, held: HeldObject) -> Iterator[Expected]:
    """What only a good copy of the inventory vouches for: `deposit.json`, and the rest while it is unread."""
    base = f"{ocfl.ROOT}/{held.path}"
    inventory = ocfl.good_inventory(reading(storage), base, held.inventory_sha512)
    if inventory is None:
        return
    deposit, untold = f"{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}", index.untold(held.id)
    for path, digest in ocfl.content_of(inventory).items():
        if untold or path == deposit:
            whole = (Stretch(0, None, "sha512", digest),)
            yield Expected(f"{base}/{path}", "file-damaged", whole, held.id)


def reading(storage: Storage) -> Callable[[str], bytes]:
    """A function that gives a whole small file of a storage."""
    return lambda path: b"".join(storage.read(path))


def _literal(path: str, code: str, data: bytes, object_id: str = "") -> Expected:
    whole = (Stretch(0, len(data), "sha256", hashlib.sha256(data).hexdigest()),)
    return Expected(path, code, whole, object_id, literal=data)


def audit(
    storage: Storage, index: HeldIndex, report: Report, label: str = "", lacking: Lacking = NOTHING
) -> AuditResult:
    """Read every byte of vault and claims in `storage`; name each file that is not as it must be."""
    findings: list[tuple[Expected | None, Finding]] = []
    counts = [0, 0]

    def tell(expected: Expected, problem: Finding | None) -> None:
        counts[0] += 1
        counts[1] += expected.size_bytes or (0 if problem else storage.size(expected.path) or 0)
        if problem is not None:
            findings.append((expected, problem))
            report.finding(problem)
        report.progress("audit", counts[1], total, "bytes")

    total = index.totals()[2]
    prefix = f"{label}:" if label else ""
    _checked(storage, _expected(storage, index, lacking), prefix, tell)
    for where in foreign(storage, index):
        finding = Finding("file-foreign", prefix + where)
        findings.append((None, finding))
        report.finding(finding)
    return AuditResult(label or "here", counts[0], counts[1], findings, lacking.since)


def _expected(storage: Storage, index: HeldIndex, lacking: Lacking) -> Iterator[Expected]:
    for path, data in ocfl.root_files().items():
        yield _literal(f"{ocfl.ROOT}/{path}", "root-damaged", data)
    for held in index.objects():
        if held.id not in lacking.objects:
            yield from expected_of_object(index, held)
            yield from expected_by_inventory(storage, index, held)
    yield from expected_claims(index, lacking)


def _checked(
    storage: Storage,
    items: Iterable[Expected],
    prefix: str,
    tell: Callable[[Expected, Finding | None], None],
) -> None:
    """Check with a few threads, in order, holding few results in memory."""
    waiting: list[tuple[Expected, Future[Finding | None]]] = []
    with ThreadPoolExecutor(_READERS) as pool:
        for item in items:
            waiting.append((item, pool.submit(check, storage, item, prefix)))
            if len(waiting) >= _WAITING_MAX:
                first, result = waiting.pop(0)
                tell(first, result.result())
        for item, result in waiting:
            tell(item, result.result())


def check(storage: Storage, expected: Expected, prefix: str = "") -> Finding | None:
    """The finding for one file, None when every byte is as it must be."""
    where = prefix + expected.path
    try:
        size = storage.size(expected.path)
        if size is None:
            return Finding("file-missing", where)
        least = expected.size_bytes
        if least is not None and (size < least or (expected.ends and size != least)):
            return Finding(expected.code, where, f"{size} bytes, not {least}")
        for stretch in expected.stretches:
            if digest_of(storage, expected.path, stretch) != stretch.digest:
                at = f" at {stretch.offset}" if stretch.offset else ""
                return Finding(expected.code, where, f"its {stretch.algorithm}{at} differs")
    except OSError as error:
        return Finding("file-unreadable", where, error.strerror or str(error))
    return None


def digest_of(storage: Storage, path: str, stretch: Stretch) -> str:
    """The digest that the stretch has now."""
    digest = blake3() if stretch.algorithm == "blake3" else hashlib.new(stretch.algorithm)
    for chunk in storage.read(path, stretch.offset, stretch.length):
        digest.update(chunk)
    return str(digest.hexdigest())


def foreign(storage: Storage, index: HeldIndex) -> list[str]:
    """Paths in the vault that nobody acknowledged and no decided batch explains."""
    found = list(_unknown(storage, index))
    if not found:
        return []
    decided = [path for batch in storage.decided() for path in batch.paths]
    with contextlib.suppress(DamageFound):
        index.catch_up()  # a batch that is decided no more is acknowledged now
    return [
        path
        for path in found
        if _object_at(index, path) is None and not any(f"{path}/".startswith(f"{p}/") for p in decided)
    ]


def _unknown(storage: Storage, index: HeldIndex) -> Iterator[str]:
    roots = {f"{ocfl.ROOT}/{path}" for path in ocfl.root_files()}
    for first in storage.names(ocfl.ROOT):
        path = f"{ocfl.ROOT}/{first.rstrip('/')}"
        if path in roots:
            continue
        if first == "extensions/":
            yield from (found for found in walk(storage, path) if found not in roots)
            continue
        for second in storage.names(path) if first.endswith("/") else [""]:
            if not second.endswith("/"):
                yield f"{ocfl.ROOT}/{first}{second}"
                continue
            yield from _unknown_below(storage, index, f"{path}/{second[:-1]}")


def _unknown_below(storage: Storage, index: HeldIndex, tuple_folder: str) -> Iterator[str]:
    for name in storage.names(tuple_folder):
        path = f"{tuple_folder}/{name.rstrip('/')}"
        held = _object_at(index, path)
        if held is None:
            yield path
            continue
        known = _files_of(storage, index, held)
        if known is not None:
            yield from (found for found in walk(storage, path) if found.removeprefix(f"{path}/") not in known)


def _object_at(index: HeldIndex, path: str) -> HeldObject | None:
    name = path.rpartition("/")[2]
    held = index.object(name.replace("%3a", ":")) if name.isascii() else None
    return held if held is not None and path == f"{ocfl.ROOT}/{held.path}" else None


def _files_of(storage: Storage, index: HeldIndex, held: HeldObject) -> set[str] | None:
    """The files that an object has, by path below it; None when nobody can tell just now."""
    wrapping = {*ocfl.object_wrapping(b""), f"{ocfl.CONTENT}/{ocfl.DEPOSIT_FILE}"}
    if not index.untold(held.id):
        return wrapping | {f"{ocfl.CONTENT}/{f.path}" for f in index.files_of(held.id)}
    inventory = ocfl.good_inventory(reading(storage), f"{ocfl.ROOT}/{held.path}", held.inventory_sha512)
    return None if inventory is None else wrapping | set(ocfl.content_of(inventory))


def walk(storage: Storage, folder: str) -> Iterator[str]:
    """Every file below a folder."""
    for name in storage.names(folder):
        if name.endswith("/"):
            yield from walk(storage, f"{folder}/{name[:-1]}")
        else:
            yield f"{folder}/{name}"
