"""Every file under a folder, deposit by deposit, in path order.

A folder that holds sound is a deposit, its discs' folders included; files in folders without sound below
it are its companions. Nothing is written, no link is followed, and what has not changed is not opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockgroove.findings import Finding
from lockgroove.model import Batch, Claim, Known, Terms
from lockgroove.sources.cues import CueSheet, CueTrack
from lockgroove.sources.filereading import FileReading, given_up, is_licence, name_in, read_file
from lockgroove.sources.shelfkeys import encode
from lockgroove.sources.walk import Entry, Listing, listing
from lockgroove.workers import Workers

BATCH_FILES_MAX = 2000
READ_AT_ONCE = 512


@dataclass
class _Batching:
    """What is found and not given yet."""

    claims: list[Claim] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.claims) + len(self.unchanged)


class Folder:
    """A shelf: a folder of music on the operator's own disk."""

    name = "folder"
    reader = "folder/1"
    terms = Terms(metadata_licence=None, requests_per_second_max=None, rate_scope="client", contact=None)

    def __init__(self, root: bytes, shelf: str, licence: str | None = None, sound_only: bool = False) -> None:
        self._root = root
        self.shelf = shelf
        self._licence = licence
        self.sound_only = sound_only
        self._workers = Workers(read_file, given_up)

    def batches(self, since: str | None, known: Known) -> Iterator[Batch]:
        """Yield batches of claims, without cursors: the walk is always whole, and `known` makes it cheap."""
        waiting = _Batching()
        try:
            yield self._shelf_batch(known)
            stack: list[tuple[bytes, bytes | None]] = [(b"", None)]
            while stack:
                folder, owner = stack.pop()
                visit = _Visit(
                    self, listing(self._root, folder, waiting.findings.append), owner, known, waiting
                )
                for _ in visit.steps():
                    if len(waiting) >= BATCH_FILES_MAX:
                        yield self._give(waiting)
                stack.extend((inner, visit.deposit) for inner in reversed(visit.found.folders))
            yield self._give(waiting)
        finally:
            self._workers.close()

    def _give(self, waiting: _Batching) -> Batch:
        batch = Batch(list(waiting.claims), list(waiting.unchanged), (), list(waiting.findings))
        waiting.claims.clear()
        waiting.unchanged.clear()
        waiting.findings.clear()
        return batch

    def _shelf_batch(self, known: Known) -> Batch:
        """The operator's statement for the whole shelf; it stands until another one comes."""
        held = known.stamps(["shelf\0."])
        if self._licence is None:
            return Batch(unchanged=list(held))
        stamp = hashlib.sha256(self._licence.encode()).hexdigest()[:16]
        if held.get("shelf\0.") == stamp:
            return Batch(unchanged=list(held))
        says = {"licences": [{"text": self._licence, "where": "operator"}]}
        return Batch([Claim("shelf", self.shelf, ".", stamp, {"licence": self._licence}, says)])

    def read(self, entries: Sequence[Entry], waiting: _Batching) -> list[FileReading]:
        """Read files; what cannot be read is told and left out."""
        readings = list(self._workers.map([(self._root, entry) for entry in entries]))
        for reading in readings:
            waiting.findings.extend(reading.findings)
        return [r for r in readings if r.role]


class _Visit:
    """One folder, a few hundred files at a time, so that a folder of a million costs no more memory."""

    def __init__(
        self, shelf: Folder, found: Listing, owner: bytes | None, known: Known, waiting: _Batching
    ) -> None:
        self.found = found
        self.deposit = owner
        self._shelf, self._known, self._waiting = shelf, known, waiting
        self._key = _deposit_key(found.path)
        # Cue sheets and licence texts come first: what they say is needed for the others' claims.
        self._files = sorted(found.files, key=lambda e: (not _is_cue(e), not is_licence(e.path), e.path))
        self._mark = _cue_mark(found.files)
        self._sheets: list[FileReading] = []
        self._undecided: list[FileReading] = []
        self._decided = False
        self._told: set[bytes] = set()

    def steps(self) -> Iterator[None]:
        """Go through the folder, pausing whenever a batch may be given."""
        deposit_stamp = self._known.stamps([f"deposit\0{self._key}"]).get(f"deposit\0{self._key}")
        for start in range(0, len(self._files), READ_AT_ONCE):
            entries = self._files[start : start + READ_AT_ONCE]
            stamps = self._known.stamps([f"file\0{e.key}" for e in entries])
            self._take(entries, stamps, deposit_stamp)
            yield
        self._decide()
        yield

    def _take(self, entries: Sequence[Entry], stamps: Mapping[str, object], deposit_stamp: object) -> None:
        within = {e for e in entries if stamps.get(f"file\0{e.key}") == _stamp(e, b"", self._mark)}
        outside = {e for e in entries if stamps.get(f"file\0{e.key}") == _stamp(e, None, self._mark)}
        old = [e for e in entries if e in within or e in outside]
        readings = self._read([e for e in entries if e not in within and e not in outside])
        kept_before = deposit_stamp is not None and bool(within)
        if kept_before or any(r.role in ("sound", "unknown-sound") for r in readings):
            self._become_deposit(readings, deposit_stamp)
        moved = [e for e in old if self._moved(stamps[f"file\0{e.key}"], e)]
        readings += self._read(moved)
        again = set(moved)
        self._waiting.unchanged.extend(f"file\0{e.key}" for e in old if e not in again)
        if self._decided:
            self._claim(readings)
        else:
            self._undecided.extend(readings)

    def _read(self, entries: Sequence[Entry]) -> list[FileReading]:
        readings = self._shelf.read(entries, self._waiting)
        self._sheets.extend(r for r in readings if r.cue is not None)
        return readings

    def _become_deposit(self, readings: Sequence[FileReading], deposit_stamp: object) -> None:
        if self._decided:
            return
        self.deposit, self._decided = self.found.path, True
        self._claim_deposit([*self._undecided, *readings], deposit_stamp)
        undecided, self._undecided = self._undecided, []
        self._claim(undecided)

    def _decide(self) -> None:
        """No sound was found: the files belong to the deposit above, or to none."""
        readings, self._undecided = self._undecided, []
        self._claim(readings)
        if self.deposit is None and readings and not self._shelf.sound_only:
            where = encode(self.found.path) or "."
            count = "1 file" if len(readings) == 1 else f"{len(readings)} files"
            self._waiting.findings.append(Finding("outside-deposit", where, count))

    def _moved(self, stood: object, entry: Entry) -> bool:
        """Whether an unchanged file is in a deposit now and was not, or the other way round."""
        left = _stamp(entry, None, self._mark)
        if self._shelf.sound_only and stood == left:
            return False
        return stood != (left if self.deposit is None else _stamp(entry, self.deposit, self._mark))

    def _claim_deposit(self, readings: Sequence[FileReading], stamp: object) -> None:
        licences = [
            {"text": r.licence_text, "where": f"file:{name_in(self.found.path, r.entry.path)}"}
            for r in readings
            if r.licence_text
        ]
        mark = hashlib.sha256(repr(licences).encode()).hexdigest()[:16]
        unread = not licences and any(is_licence(e.path) for e in self.found.files)
        if stamp is not None and (unread or stamp == mark):
            self._waiting.unchanged.append(f"deposit\0{self._key}")
            return
        name = encode(self.found.path.rpartition(b"/")[2]) or self._shelf.shelf
        says = {"name": name, "licences": licences}
        claim = Claim("deposit", self._shelf.shelf, self._key, mark, {"folder": self._key}, says)
        self._waiting.claims.append(claim)

    def _claim(self, readings: Sequence[FileReading]) -> None:
        sounds = {r.entry.path for r in readings if r.role == "sound"}
        sheets = self._sheets_for(sounds) if sounds and self._mark else {}
        for reading in readings:
            self._waiting.claims.append(self._file_claim(reading, sheets.get(reading.entry.path)))

    def _sheets_for(self, sounds: set[bytes]) -> dict[bytes, CueSheet]:
        """For each sound file the cue sheet that cuts it into tracks."""
        read = {r.entry.path for r in self._sheets}
        unread = [e for e in self._files if _is_cue(e) and e.path not in read]
        self._sheets.extend(r for r in self._shelf.read(unread, _Batching()) if r.cue is not None)
        found: dict[bytes, CueSheet] = {}
        names = {e.path for e in self._files}
        for reading in self._sheets:
            assert reading.cue is not None
            path = _cued_file(reading, names - {reading.entry.path})
            if path is None and reading.entry.path not in self._told:
                self._told.add(reading.entry.path)
                self._waiting.findings.append(Finding("cue-file-missing", reading.entry.key))
            elif path in sounds and len(reading.cue.files) == 1 and len(reading.cue.files[0].tracks) > 1:
                found.setdefault(path, reading.cue)
        return found

    def _file_claim(self, reading: FileReading, sheet: CueSheet | None) -> Claim:
        entry, deposit = reading.entry, self.deposit
        role = reading.role if reading.role != "other" else "companion"
        if deposit is None or (role == "companion" and self._shelf.sound_only):
            role, deposit = "outside", None
        says: dict[str, Any] = {
            "role": role,
            "deposit": _deposit_key(deposit or b""),
            "size_bytes": entry.size_bytes,
            "name": name_in(deposit or b"", entry.path),
        }
        if reading.format:
            says["format"] = reading.format
        if role == "sound":
            says |= _sound_says(reading, sheet)
        stamp = _stamp(entry, deposit, self._mark)
        return Claim("file", self._shelf.shelf, entry.key, stamp, reading.body, says)


def _stamp(entry: Entry, deposit: bytes | None, mark: str) -> str:
    """The version of a file where it stands: its own mark, the cue sheets beside it, outside or not."""
    beside = f"-cue{mark}" if mark and not _is_cue(entry) else ""
    return f"{entry.stamp}{beside}{'' if deposit is not None else '-outside'}"


def _is_cue(entry: Entry) -> bool:
    return entry.path.lower().endswith(b".cue")


def _cue_mark(entries: Sequence[Entry]) -> str:
    """A short digest of the cue sheets of a folder, "" without any."""
    stamps = [f"{e.key}:{e.stamp}" for e in entries if _is_cue(e)]
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:8] if stamps else ""


def _deposit_key(folder: bytes) -> str:
    return encode(folder) or "."


def _sound_says(reading: FileReading, sheet: CueSheet | None) -> dict[str, Any]:
    fields = {k: v for k, v in reading.fields.items() if k != "licences"}
    says: dict[str, Any] = {"tracks": [fields]}
    if reading.fields.get("licences"):
        says["licences"] = reading.fields["licences"]
    if reading.duration_ms is not None:
        says["duration_ms"] = reading.duration_ms
    if sheet is not None:
        tracks = sheet.files[0].tracks
        says["tracks"] = [_cue_track(track, sheet, fields, reading.duration_ms) for track in tracks]
    return says


def _cue_track(
    track: CueTrack, sheet: CueSheet, tags: Mapping[str, Any], duration: int | None
) -> dict[str, Any]:
    """A cue sheet's word goes before the file's tags, which speak of the whole."""
    general = {k: v for k, v in tags.items() if k not in ("title", "isrc", "recording_mbid", "track_mbid")}
    said = {
        "index": track.number,
        "track_number": track.number,
        "title": track.title,
        "artist": track.performer or sheet.performer,
        "album": sheet.title,
        "album_artist": sheet.performer,
        "isrc": [track.isrc] if track.isrc else None,
        "barcode": sheet.catalog,
        "date": sheet.date,
        "start_ms": track.start_ms,
        "end_ms": track.end_ms if track.end_ms is not None else duration,
    }
    return general | {k: v for k, v in said.items() if v is not None}


def _cued_file(reading: FileReading, names: set[bytes]) -> bytes | None:
    """The file that a cue sheet names, also when it was encoded anew under another ending."""
    assert reading.cue is not None
    if not reading.cue.files:
        return None
    folder = reading.entry.path.rpartition(b"/")[0]
    name = reading.cue.files[0].name.replace("\\", "/").rpartition("/")[2].encode("utf-8", "surrogateescape")
    stems = {s.rpartition(b".")[0]: s for s in sorted(names) if s.rpartition(b"/")[0] == folder}
    wanted = folder + b"/" + name if folder else name
    return wanted if wanted in names else stems.get(wanted.rpartition(b".")[0])
