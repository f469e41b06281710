"""Items of the Internet Archive by their metadata: JSON as its API gives it, or _meta.xml with _files.xml.

Files, folders, JSON lines and packed tars of them. An item of sound is a release under its identifier; its
tracks are the sound files that were put up, not those that were made from them. Nothing is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from lockgroove.errors import UsageError
from lockgroove.model import Batch, Claim, Known, Terms
from lockgroove.sources.dumpreading import Count, Cut, Dumps, Entity, Malformed, Note, Told, stamp_of
from lockgroove.sources.filemarks import shown
from lockgroove.sources.internetarchive_files import Files, Item
from lockgroove.sources.internetarchive_says import key_of, say_item
from lockgroove.sources.internetarchive_xml import from_xml
from lockgroove.sources.jsonrecords import is_plain, mended
from lockgroove.sources.members import Member

MEDIA = ("audio", "etree")


class InternetArchive:
    """Metadata of items, in files and folders. Items of other media are refused, each with a finding."""

    name = public_name = "internetarchive"
    reader = "internetarchive/1"
    terms = Terms(None, requests_per_second_max=None, rate_scope="client", contact=None)
    full = False  # a folder of items is never all that the Internet Archive offers

    def __init__(self, paths: Sequence[bytes]) -> None:
        self._given = [(path, _files(path)) for path in paths]
        files = [file for _, inner in self._given for file in inner]
        self.dumps = Dumps(self.name, files, self._cuts, self._entity)
        self._files = Files({shown(file): file for file in files}.get)
        self._item = Item(b"")

    @property
    def counts(self) -> Sequence[Count]:
        """What became of the items of each path that was given."""
        if not self.dumps.counts:
            return []
        counts = iter(self.dumps.counts)
        return [_sum(shown(path), [next(counts) for _ in inner]) for path, inner in self._given]

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield a claim for each item, in order of the files."""
        self._files.forget()
        for batch in self.dumps.batches(since, known):
            # while an item waits for its other half, nobody can go on from here
            yield replace(batch, cursor=None) if self._files.is_waiting else batch
        if self._files.is_waiting:
            yield self._rest(known)

    def _cuts(self, member: Member, note: Note) -> Iterator[Cut]:
        for number, item in enumerate(self._files.items(member), 1):
            self._item = item
            yield Cut("release", number, item.offset, item.stamped, item.why)

    def _rest(self, known: Known) -> Batch:
        """Halves of items, at the end of all."""
        told, claims, unchanged = Told(), [], []
        count = self.dumps.counts[-1]
        for item in self._files.rest():
            self._item = item
            count.read += 1
            try:
                if item.why:
                    raise Malformed(item.why)
                entity = self._entity(Cut("release", 0, 0, b""))
                body, says = entity.account(lambda code, detail: told.tell(code, count.name, detail))
            except Malformed as error:
                count.refused += 1
                told.tell("record-malformed", count.name, str(error))
                continue
            count.kept += 1
            count.kinds.add("release")
            key, stamp = f"release\0{entity.key}", stamp_of(item.stamped)
            if known.stamps([key]).get(key) == stamp:
                unchanged.append(key)
            else:
                claims.append(Claim("release", self.name, entity.key, stamp, body, says))
        return Batch(claims, unchanged, findings=told.take())

    def _entity(self, cut: Cut) -> Entity:
        item = self._item
        document = _document(item)
        key = key_of(document)

        def account(note: Note) -> tuple[Any, Mapping[str, Any]]:
            if not item.is_plain:
                note("text-broken", "in its text")
            return item.body, say_item(key, document, note)

        return Entity("release", key, account)


def _files(path: bytes) -> list[bytes]:
    """The file itself, or what is in a folder, in order."""
    if not os.path.isdir(path):
        return [path]
    found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    if not found:
        raise UsageError("There is nothing in the folder", shown(path))
    return sorted(found)


def _sum(name: str, counts: Sequence[Count]) -> Count:
    """One count for all files of a folder."""
    total = Count(name)
    for count in counts:
        total.read += count.read
        total.kept += count.kept
        total.refused += count.refused
        total.skipped += count.skipped
        total.broken = total.broken or count.broken
        total.kinds |= count.kinds
    return total


def _document(item: Item) -> Mapping[str, Any]:
    """The item as the API has it. Raises Malformed for what is no item of sound."""
    if item.files_xml is not None or item.is_xml:
        document = from_xml(item)
    else:
        item.body = msgspec.Raw(item.data)
        data = item.data
        if not is_plain(data):
            item.is_plain = False
            body, data = mended(data)
            item.body = msgspec.Raw(body)
        try:
            document = msgspec.json.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Malformed(str(error) or "nested too deeply") from error
    if isinstance(document, dict) and "metadata" not in document and "mediatype" in document:
        document = {"metadata": document}
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise Malformed("no item's metadata")
    media = document["metadata"].get("mediatype")
    if media not in MEDIA:
        raise Malformed(f"an item of mediatype {str(media)[:40]}, which is no sound")
    return document
