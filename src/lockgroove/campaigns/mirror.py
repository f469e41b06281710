"""Somebody's dump, fetched, verified, and made an archive of its own.

Invariant: nothing enters the archive before signature, root and digest agree. A cut run goes on where it was.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from typing import Any

from lockgroove import config, durable, fetch, keys, tables
from lockgroove.campaigns.refresh import refresh
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import Harvest, records_of
from lockgroove.dumps import Manifest, load_manifest
from lockgroove.dumps.manifest import MANIFEST, MANIFEST_BYTES_MAX, PUBLIC_KEY, SIGNATURE
from lockgroove.dumps.write import CLAIMS, DECISIONS, LISTENS, VOLUME_INDEX
from lockgroove.errors import Refused, VerificationFailed
from lockgroove.journal import canonical
from lockgroove.report import Report
from lockgroove.vault import Committer
from lockgroove.vault.adopt import objects_of

_LINES_AT_ONCE = 2000


@dataclass
class Mirrored:
    """What a mirroring brought, and how the tables built here compare with those that were signed."""

    root: str = ""
    archive: str = ""
    key: str = ""
    objects: int = 0
    files: int = 0
    bytes: int = 0
    fetched_bytes: int = 0
    volumes_passed_over: int = 0
    tables_equal: list[str] = field(default_factory=list)
    tables_different: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Offer:
    """A dump whose manifest was verified."""

    origin: fetch.Origin
    manifest: Manifest
    raw: bytes
    signature: bytes
    key: keys.PublicKey


def look(location: str, key_text: str | None) -> Offer:
    """Fetch and verify a dump's manifest. Raises VerificationFailed, Unavailable, UsageError."""
    origin = _dump_origin(fetch.origin(location))
    try:
        raw = fetch.small(origin, MANIFEST, MANIFEST_BYTES_MAX)
        signature = fetch.small(origin, SIGNATURE, 4096)
        shown = keys.parse_public(fetch.small(origin, PUBLIC_KEY, 4096).decode("utf-8", "replace"))
    except FileNotFoundError as error:
        raise VerificationFailed(
            "This is no dump: a file is missing", str(error), "Name a folder of dumps/."
        ) from None
    key = keys.parse_public(key_text) if key_text else shown
    return Offer(origin, load_manifest(raw, signature, key, origin.where), raw, signature, key)


def _dump_origin(origin: fetch.Origin) -> fetch.Origin:
    """An archive's folder stands for its newest dump."""
    dumps = f"{origin.where}/dumps"
    if isinstance(origin, fetch.FolderOrigin) and os.path.isdir(dumps):
        names = sorted(n for n in os.listdir(dumps) if n.isdigit())
        if names:
            return fetch.FolderOrigin(f"{dumps}/{names[-1]}")
    return origin


def take(rooms: Rooms, offer: Offer, report: Report) -> Mirrored:
    """Bring everything of a verified dump into this archive."""
    done = Mirrored(offer.manifest.root, offer.manifest.archive, offer.key.text())
    _trust(rooms, offer)
    folder = f"{rooms.root}/staging/mirror-{offer.manifest.root[:16]}"
    os.makedirs(folder, exist_ok=True)
    with rooms.lock("vault"), rooms.lock("claims"):
        _fetch_all(offer, folder, done, report)
        _take_volumes(rooms, offer, folder, done, report)
        _take_claims(rooms, offer, folder)
        _take_decisions(rooms, offer, folder)
        _keep_papers(rooms, offer, folder)
        rooms.journal.append(
            "mirrored",
            {"archive": done.archive, "root": done.root, "from": offer.origin.where},
            {"key": done.key, "objects": done.objects},
        )
    shutil.rmtree(folder, ignore_errors=True)
    _compare(rooms, offer, done, report)
    return done


def _trust(rooms: Rooms, offer: Offer) -> None:
    """The first mirroring of an archive trusts the key it was shown; later ones insist on it."""
    before = [e for e in rooms.index.notable("mirrored") if e.subjects["archive"] == offer.manifest.archive]
    if before and before[-1].outcome["key"] != offer.key.text():
        raise Refused(
            "The dump is signed with another key than before",
            offer.origin.where,
            "If the publisher changed keys, name the new one: --key …",
        )
    rooms.config = config.trust_key(rooms.root, offer.key.text())


def _fetch_all(offer: Offer, folder: str, done: Mirrored, report: Report) -> None:
    """Everything but the volumes: they are large, and come one at a time."""
    for entry in offer.manifest.files:
        if not entry.path.startswith("volumes/"):
            _fetch_one(offer, entry, folder, done, report)


def _fetch_one(offer: Offer, entry: tables.WrittenFile, folder: str, done: Mirrored, report: Report) -> None:
    total = sum(f.size_bytes for f in offer.manifest.files)

    def told(count: int) -> None:
        done.fetched_bytes += count
        report.progress("fetch", done.fetched_bytes, total, "bytes")

    fetch.fetch(offer.origin, entry.path, f"{folder}/{entry.path}", entry.size_bytes, entry.sha256, told)


def _take_volumes(rooms: Rooms, offer: Offer, folder: str, done: Mirrored, report: Report) -> None:
    committer = Committer(rooms.storage, rooms.journal, rooms.index, report)
    committer.recover()
    wanted = _wanted(rooms, f"{folder}/{VOLUME_INDEX}")
    for entry in offer.manifest.files:
        if not entry.path.startswith("volumes/"):
            continue
        if not wanted.get(entry.path.removeprefix("volumes/")):
            done.volumes_passed_over += 1
            continue
        _fetch_one(offer, entry, folder, done, report)
        _adopt(rooms, committer, f"{folder}/{entry.path}", entry.size_bytes, offer.manifest.as_of)
        committer.commit()
        os.unlink(f"{folder}/{entry.path}")
    committer.finish()
    done.objects, done.files = committer.counts.objects, committer.counts.files
    done.bytes = committer.counts.bytes


def _wanted(rooms: Rooms, index_path: str) -> dict[str, set[str]]:
    """Per volume the objects that are not held yet."""
    wanted: dict[str, set[str]] = {}
    for batch in tables.read_batches(index_path, ["volume", "object_id"]):
        for volume, identifier in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True):
            if identifier not in wanted.get(volume, ()) and rooms.index.object(identifier) is None:
                wanted.setdefault(volume, set()).add(identifier)
    return wanted


def _adopt(rooms: Rooms, committer: Committer, volume: str, size_bytes: int, as_of: str) -> None:
    for folder, held in objects_of(volume, size_bytes, committer.scratch(), as_of):
        if rooms.index.object(held.id) is None:
            committer.adopt(folder, held)
        else:
            shutil.rmtree(folder)


def _take_claims(rooms: Rooms, offer: Offer, folder: str) -> None:
    """The publisher's records as they are, those left out that are here already."""
    harvest = Harvest(
        f"archive:{offer.manifest.archive}", "mirror/1", f"h-{offer.manifest.as_of}", offer.manifest.as_of
    )
    known = _known_claims(rooms)
    lines: list[bytes] = []
    with open(f"{folder}/{CLAIMS}", "rb") as file:
        for record in records_of(file.read()):
            if (record["kind"], record["source"], record["key"], record["stamp"], record["at"]) in known:
                continue
            lines.append(canonical(record) + b"\n")
            if len(lines) >= _LINES_AT_ONCE:
                rooms.store.add_lines(harvest, lines)
                lines = []
    if lines:
        rooms.store.add_lines(harvest, lines)
    with open(f"{folder}/{LISTENS}", "rb") as file:
        data = file.read()
    rows = offer.manifest.file(LISTENS).rows
    if rows > 0:
        rooms.store.add_listens_file(harvest, data, rows)


def _known_claims(rooms: Rooms) -> set[tuple[str, ...]]:
    return {
        (r["kind"], r["source"], r["key"], r["stamp"], r["at"])
        for part in rooms.store.parts()
        if part.source.startswith("archive:")
        for r in rooms.store.read(part)
    }


def _take_decisions(rooms: Rooms, offer: Offer, folder: str) -> None:
    """The publisher's decisions: they count here, since the operator chose to mirror this key."""
    made = {(e.subjects["statement"], e.subjects.get("source"), e.outcome["licence"], e.outcome["because"])
            for e in rooms.index.notable("rights-decided")}  # fmt: skip
    with open(f"{folder}/{DECISIONS}", encoding="utf-8") as file:
        for line in file:
            d = json.loads(line)
            if (d["statement"], d["source"], d["licence"], d["because"]) in made:
                continue
            subjects = {"statement": d["statement"]} | ({"source": d["source"]} if d["source"] else {})
            outcome = {
                "licence": d["licence"],
                "because": d["because"],
                "by": d["by"],
                "key": offer.key.text(),
            }
            rooms.journal.append("rights-decided", subjects, outcome)


def _keep_papers(rooms: Rooms, offer: Offer, folder: str) -> None:
    """Manifest, signature and tables stay as they came, so that what was signed can be shown."""
    target = f"{rooms.root}/dumps/from-{offer.manifest.archive}/{offer.manifest.root[:16]}"
    if os.path.isdir(target):
        return
    shutil.rmtree(f"{folder}/volumes", ignore_errors=True)
    for name, data in ((MANIFEST, offer.raw), (SIGNATURE, offer.signature)):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    durable.sync_tree(folder, [folder])
    durable.rename_new(folder, target)


def _compare(rooms: Rooms, offer: Offer, done: Mirrored, report: Report) -> None:
    """Build our own tables from the claims and compare them with the signed ones, byte for byte."""
    generation: generations.Generation = refresh(rooms, report)
    for entry in offer.manifest.files:
        name = entry.path.removeprefix("tables/")
        if not entry.path.startswith("tables/") or name == "ledger.parquet":
            continue
        ours = tables.sha256_of(f"{generation.public}/{name}")
        (done.tables_equal if ours == entry.sha256 else done.tables_different).append(name)
