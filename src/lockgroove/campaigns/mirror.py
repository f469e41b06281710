"""Somebody's dump, fetched, verified, and made an archive of its own.

Invariant: nothing enters the archive before signature, root and digest agree. A cut run goes on where it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from lockgroove import config, durable, fetch, keys, tables
from lockgroove.campaigns import papers
from lockgroove.campaigns.refresh import refresh_whole
from lockgroove.campaigns.rooms import Rooms
from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import Harvest
from lockgroove.catalogue.keyindex import KeyIndex
from lockgroove.catalogue.layers import KEYS
from lockgroove.catalogue.schemas import FILES
from lockgroove.dumps import Manifest, load_manifest
from lockgroove.dumps.manifest import MANIFEST, MANIFEST_BYTES_MAX, PUBLIC_KEY, SIGNATURE
from lockgroove.dumps.write import VOLUME_INDEX
from lockgroove.errors import Refused, UsageError, VerificationFailed
from lockgroove.journal import canonical
from lockgroove.model import HeldFile
from lockgroove.rebuild import hand_matches
from lockgroove.rebuild.handmatches import MATCHED, is_recording
from lockgroove.report import Report
from lockgroove.sources.shelfkeys import decode
from lockgroove.vault import Committer, ocfl
from lockgroove.vault.adopt import objects_of

_FILES_TABLE = "tables/files.parquet"


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
    """A dump whose manifest was verified; `named` tells whether the operator named the key."""

    origin: fetch.Origin
    manifest: Manifest
    raw: bytes
    signature: bytes
    key: keys.PublicKey
    named: bool


def look(location: str, key_text: str | None) -> Offer:
    """Fetch and verify a dump's manifest. Raises VerificationFailed, Unavailable, UsageError."""
    origin = _dump_origin(fetch.origin(location))
    try:
        raw = fetch.small(origin, MANIFEST, MANIFEST_BYTES_MAX)
        signature = fetch.small(origin, SIGNATURE, 4096)
        key = keys.parse_public(key_text) if key_text else _shown_key(origin)
    except FileNotFoundError as error:
        raise UsageError(
            "This is no dump: a file is missing", str(error), "Name a folder of dumps/."
        ) from None
    manifest = load_manifest(raw, signature, key, f"{origin.where}/{MANIFEST}")
    return Offer(origin, manifest, raw, signature, key, bool(key_text))


def _shown_key(origin: fetch.Origin) -> keys.PublicKey:
    try:
        return keys.parse_public(fetch.small(origin, PUBLIC_KEY, 4096).decode("utf-8", "replace"))
    except UsageError as error:
        raise VerificationFailed(error.what, f"{origin.where}/{PUBLIC_KEY}", "Try another mirror.") from None


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
    _refuse_other_key(rooms, offer)
    folder = f"{rooms.root}/staging/mirror-{offer.manifest.root[:16]}"
    os.makedirs(folder, exist_ok=True)
    with rooms.lock("vault"), rooms.lock("claims"):
        _fetch_all(rooms, offer, folder, done, report)
        sources = papers.understand(folder, offer.manifest, offer.origin.where) - set(rooms.sources())
        _take_volumes(rooms, offer, folder, done, report)
        _take_claims(rooms, offer, folder)
        _take_listens(rooms, offer, folder)
        _take_elsewhere(rooms, folder, sources)
        _take_decisions(rooms, offer, folder, sources)
        _take_matches(rooms, offer, folder)
        _keep_papers(rooms, offer, folder)
        rooms.journal.append(
            "mirrored",
            {"archive": done.archive, "root": done.root, "from": offer.origin.where},
            {"key": done.key, "objects": done.objects},
        )
        rooms.config = config.trust_key(rooms.root, done.key)
    shutil.rmtree(folder, ignore_errors=True)
    _compare(rooms, offer, done, report)
    return done


def _refuse_other_key(rooms: Rooms, offer: Offer) -> None:
    """The first mirroring trusts the key that it is shown; later ones insist on it, or on a named one."""
    before = {e.outcome["key"] for e in rooms.index.notable("mirrored")}
    if before and offer.key.text() not in before and not offer.named:
        raise Refused(
            "The dump is signed with another key than before",
            offer.origin.where,
            "If the publisher changed keys, or this is another publisher, name the key: --key …",
        )


def _fetch_all(rooms: Rooms, offer: Offer, folder: str, done: Mirrored, report: Report) -> None:
    """Everything but the volumes, which come one at a time. What an earlier dump brought is there."""
    earlier = f"{rooms.root}/dumps/from-{offer.manifest.archive}"
    folders = [f"{earlier}/{name}" for name in os.listdir(earlier)] if os.path.isdir(earlier) else []
    for entry in offer.manifest.files:
        if not entry.path.startswith("volumes/"):
            _bring_over(entry, folders, folder)
            _fetch_one(offer, entry, folder, done, report)


def _bring_over(entry: tables.WrittenFile, folders: Sequence[str], folder: str) -> None:
    for path in (f"{earlier}/{entry.path}" for earlier in folders):
        if os.path.isfile(path) and tables.sha256_of(path) == entry.sha256:
            os.makedirs(os.path.dirname(f"{folder}/{entry.path}"), exist_ok=True)
            shutil.copyfile(path, f"{folder}/{entry.path}")
            return


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


def _harvest(offer: Offer) -> Harvest:
    as_of = offer.manifest.as_of
    return Harvest(f"archive:{offer.manifest.archive}", "mirror/1", f"h-{as_of}", as_of)


def _take_claims(rooms: Rooms, offer: Offer, folder: str) -> None:
    """The publisher's records as they are, but none that is here already or speaks for our own sources."""
    known, ours = _known_claims(rooms), set(rooms.sources())
    for batch in papers.record_batches(folder):
        lines = [canonical(r) + b"\n" for r in batch if _named(r) not in known and r["source"] not in ours]
        if lines:
            rooms.store.add_lines(_harvest(offer), lines)


def _known_claims(rooms: Rooms) -> set[tuple[str, ...]]:
    parts = [part for part in rooms.store.parts() if not part.is_listens]
    return {_named(record) for part in parts for record in rooms.store.read(part)}


def _named(record: dict[str, Any]) -> tuple[str, ...]:
    return record["kind"], record["source"], record["key"], record["stamp"], record["at"]


def _take_listens(rooms: Rooms, offer: Offer, folder: str) -> None:
    """The publisher's totals, unless they count here already: each play counts once, however often told."""
    harvest = _harvest(offer)
    counting = rooms.store.listens()
    others = [part for part in counting if part.source != harvest.source]
    known = {s for part in others for s in papers.sources_of_listens(f"{rooms.root}/{part.path}")}
    data, rows = papers.listens_without(folder, frozenset(known | set(rooms.sources())))
    told = {part.sha256 for part in counting if part.source == harvest.source}
    if rows and papers.digest_of(data) not in told:
        rooms.store.add_listens_file(harvest, data, rows)


def _take_elsewhere(rooms: Rooms, folder: str, sources: frozenset[str]) -> None:
    """Files whose bytes another object holds may stand in no `deposit.json`; the table tells of them."""
    path = f"{folder}/{_FILES_TABLE}"
    if not os.path.isfile(path) or pq.read_schema(path).names != FILES.schema.names:
        return
    rooms.index.catch_up()
    for batch in tables.read_batches(
        path, ["source", "key", "stamp", "deposit", "object_id", "path", "sha512"]
    ):
        rows = [row for row in batch.to_pylist() if row["sha512"] and row["source"] in sources]
        found = [held for row in rows if (held := _elsewhere(rooms, row))]
        if found:
            rooms.journal.append("kept", {"objects": [], "elsewhere": [asdict(held) for held in found]})


def _elsewhere(rooms: Rooms, row: dict[str, Any]) -> HeldFile | None:
    if rooms.index.version(row["source"], row["key"], row["stamp"]) is not None:
        return None
    there = rooms.index.files_of(row["object_id"] or "")
    same = next((f for f in there if (f.path, f.sha512) == (row["path"], row["sha512"])), None)
    if same is None:
        return None
    inner = row["key"] if row["deposit"] == "." else row["key"].removeprefix(f"{row['deposit']}/")
    told = {name: row[name] for name in ("source", "key", "stamp", "deposit")}
    return replace(same, name=ocfl.content_name(decode(inner)), **told)


def _take_decisions(rooms: Rooms, offer: Offer, folder: str, sources: frozenset[str]) -> None:
    """The publisher's decisions: they count here for the publisher's sources, and for no other."""
    made = {(e.subjects["statement"], e.subjects.get("source"), e.outcome["licence"], e.outcome["because"])
            for e in rooms.index.notable("rights-decided")}  # fmt: skip
    for d in papers.decisions(folder):
        outcome = {name: d[name] for name in ("licence", "because", "by")} | {"key": offer.key.text()}
        for source in sorted(sources if d["source"] is None else sources & {d["source"]}):
            if (d["statement"], source, d["licence"], d["because"]) not in made:
                subjects = {"statement": d["statement"], "source": source}
                rooms.journal.append("rights-decided", subjects, outcome)


def _take_matches(rooms: Rooms, offer: Offer, folder: str) -> None:
    """What the publisher's operators said of pairs that both are in the dump; our own word wins over it."""
    if not papers.has_matches(offer.manifest):
        return
    key = offer.key.text()
    made = {(m.one, m.other, m.same, m.because, m.key) for m in hand_matches(rooms.index.notable(MATCHED))}
    index = KeyIndex(f"{folder}/tables/{KEYS}")
    try:
        for m in papers.matches(folder):
            theirs = all(is_recording(index, m[name]) for name in ("one", "other"))
            if theirs and (m["one"], m["other"], m["same"], m["because"], key) not in made:
                outcome = {name: m[name] for name in ("same", "because", "by")} | {"key": key}
                rooms.journal.append(MATCHED, {"one": m["one"], "other": m["other"]}, outcome)
    finally:
        index.close()


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
    generation: generations.Generation = refresh_whole(rooms, report)
    for entry in offer.manifest.files:
        name = entry.path.removeprefix("tables/")
        if not entry.path.startswith("tables/") or name == "ledger.parquet":
            continue
        path = f"{generation.public}/{name}"
        same = os.path.isfile(path) and tables.sha256_of(path) == entry.sha256
        (done.tables_equal if same else done.tables_different).append(name)
