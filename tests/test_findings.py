"""Every finding has an example that brings it about: damage is described by making it."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgroove import archive as archives
from lockgroove.archive import Archive
from lockgroove.campaigns import gathering
from lockgroove.campaigns.replaying import replay_logs
from lockgroove.findings import CODES
from lockgroove.guard.logs import LogMap
from lockgroove.report import Silence
from lockgroove.sources.discogs import Discogs
from lockgroove.sources.filereading import given_up
from lockgroove.sources.fma import FMA
from lockgroove.sources.folder import Folder
from lockgroove.sources.listens import Listens
from lockgroove.sources.musicbrainz import MusicBrainz
from lockgroove.sources.walk import Entry, listing
from lockgroove.testing.sources import Remembering

DATA = Path(__file__).parent / "data"
Codes = set[str]


def of_shelf(root: Path) -> Codes:
    source = Folder(os.fsencode(root), "shelf-0123456789abcdef")
    return {f.code for batch in source.batches(None, Remembering()) for f in batch.findings}


def of_listens(path: Path, text: str) -> Codes:
    path.write_text(text)
    source = Listens(os.fsencode(path), "listens-0123456789abcdef", lambda _: 0, str(path.parent))
    return {f.code for batch in source.batches(None, Remembering()) for f in batch.findings}


def of_dump(name: str) -> Codes:
    kind = MusicBrainz if name.startswith("musicbrainz") else Discogs
    source = kind([os.fsencode(DATA / "dumps" / name)])
    return {f.code for batch in source.batches(None, Remembering()) for f in batch.findings}


def of_log(name: str) -> Codes:
    report = Silence()
    replay_logs([str(DATA / "logs" / "broken" / name)], LogMap(), b"k" * 32, report)
    return {f.code for f in report.findings}


def shelf_with(tmp: Path, **files: bytes) -> Path:
    (tmp / "shelf").mkdir()
    shutil.copy(a_sound(), tmp / "shelf" / "01.flac")
    for name, data in files.items():
        (tmp / "shelf" / name.replace("__", ".")).write_bytes(data)
    return tmp / "shelf"


def a_sound() -> Path:
    return next(p for p in sorted((DATA / "sounds").iterdir()) if p.suffix == ".flac")


def linked(tmp: Path, target: str) -> Codes:
    shelf = shelf_with(tmp)
    (shelf / "link").symlink_to(target)
    return of_shelf(shelf)


def special(tmp: Path) -> Codes:
    shelf = shelf_with(tmp)
    with socket.socket(socket.AF_UNIX) as unix:
        os.chdir(shelf)  # a socket's address has room for 108 bytes
        unix.bind("socket")
    return of_shelf(shelf)


def not_utf8(tmp: Path) -> Codes:
    shelf = shelf_with(tmp)
    os.rename(shelf / "01.flac", os.fsdecode(os.fsencode(shelf) + b"/caf\xe9.flac"))
    return of_shelf(shelf)


def vanished(tmp: Path) -> Codes:
    shelf = shelf_with(tmp)
    found = []
    os.unlink(shelf / "01.flac")
    from lockgroove.sources.filereading import read_file

    found.extend(read_file((os.fsencode(shelf), Entry(b"01.flac", 1, 1))).findings)
    return {f.code for f in found}


def changed(tmp: Path) -> Codes:
    from lockgroove.sources.filereading import read_file

    shelf = shelf_with(tmp)
    return {f.code for f in read_file((os.fsencode(shelf), Entry(b"01.flac", 1, 1))).findings}


def unreadable(tmp: Path) -> Codes:
    told: list[str] = []
    listing(os.fsencode(tmp), b"no such folder", lambda finding: told.append(finding.code))
    return set(told)


def cue(tmp: Path, text: bytes) -> Codes:
    return of_shelf(shelf_with(tmp, disc__cue=text))


def an_archive(tmp: Path) -> Archive:
    shelf = shelf_with(tmp, notes__txt=b"notes")
    archive = archives.init(str(tmp / "archive"))
    archive.gather_folder(str(shelf), None, False, Silence())
    return archive


def of_keep(tmp: Path, spoil: Callable[[Path], object]) -> Codes:
    with an_archive(tmp) as archive:
        archive.plan(None, Silence())
        spoil(tmp / "shelf" / "01.flac")
        report = Silence()
        archive.keep(report)
        return {f.code for f in report.findings}


def of_audit(tmp: Path, spoil: Callable[[Path], object], repair: bool = False) -> Codes:
    with an_archive(tmp) as archive:
        archive.keep(Silence())
        spoil(tmp / "archive")
        report = Silence()
        if repair:
            archive.repair(report)
        else:
            archive.audit(report)
        return {f.code for f in report.findings}


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def first(root: Path, pattern: str) -> Path:
    return sorted(root.rglob(pattern))[0]


def into_loop(content: Path) -> None:
    """A link to itself: the system refuses it like a disk that gives no bytes."""
    shutil.rmtree(content)
    content.symlink_to(content.name)


def of_half_a_file(tmp: Path) -> Codes:
    """Listens as totals, and then half of the file that holds them."""
    path, report = tmp / "raw_tracks.csv.gz", Silence()
    rows = "".join(f"{n},Title {n},{n}\n" for n in range(1, 200))
    whole = gzip.compress(f"track_id,track_title,track_listens\n{rows}".encode())
    with an_archive(tmp) as archive:
        for data in (whole, whole[: len(whole) // 2]):
            path.write_bytes(data)
            gathering.run(archive.rooms, FMA([os.fsencode(path)]), "fma", report)
    return {f.code for f in report.findings}


def absent_place(tmp: Path) -> Codes:
    with an_archive(tmp) as archive:
        archive.add_place(str(tmp / "place"), None, Silence())
        shutil.rmtree(tmp / "place")
        report = Silence()
        archive.keep(report)
        return {f.code for f in report.findings}


def place_behind(tmp: Path) -> Codes:
    with an_archive(tmp) as archive:
        archive.add_place(str(tmp / "place"), None, Silence())
        os.rename(tmp / "place", tmp / "away")
        archive.keep(Silence())
        os.rename(tmp / "away", tmp / "place")
        report = Silence()
        archive.audit(report)
        return {f.code for f in report.findings}


def torn_journal(tmp: Path) -> Codes:
    def spoil(root: Path) -> None:
        with open(first(root / "journal", "*.jsonl"), "ab") as file:
            file.write(b'{"half')

    return of_audit(tmp, spoil)


EXAMPLES: dict[str, Callable[[Path], Codes]] = {
    "record-malformed": lambda _: of_dump("musicbrainz/broken/record-malformed.jsonl"),
    "record-repeated": lambda _: of_dump("musicbrainz/broken/record-repeated.jsonl"),
    "archive-truncated": lambda _: of_dump("musicbrainz/broken/archive-truncated.jsonl.xz"),
    "listens-left-as-they-were": of_half_a_file,
    "archive-damaged": lambda _: of_dump("musicbrainz/broken/archive-damaged.jsonl.gz"),
    "schema-unknown": lambda _: of_dump("musicbrainz/broken/schema-unknown.tar.xz"),
    "isrc-malformed": lambda _: of_dump("musicbrainz/broken/isrc-malformed.jsonl"),
    "value-absurd": lambda _: of_dump("discogs/broken/value-absurd.xml"),
    "text-broken": lambda _: of_dump("discogs/broken/text-broken.xml"),
    "symlink-loop": lambda tmp: linked(tmp, "../shelf"),
    "symlink-outside": lambda tmp: linked(tmp, "/"),
    "symlink-broken": lambda tmp: linked(tmp, "nowhere"),
    "unreadable": unreadable,
    "vanished": vanished,
    "changed-while-read": changed,
    "name-not-utf8": not_utf8,
    "special-file": special,
    "empty-file": lambda tmp: of_shelf(shelf_with(tmp, nothing__mp3=b"")),
    "truncated": lambda tmp: of_shelf(shelf_with(tmp, cut__flac=a_sound().read_bytes()[:-200])),
    "unparsable": lambda tmp: of_shelf(shelf_with(tmp, odd__mpc=b"MPCK" + bytes(100))),
    "unknown-sound": lambda tmp: of_shelf(
        shelf_with(tmp, tune__mid=b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0")
    ),
    "misnamed": lambda tmp: of_shelf(shelf_with(tmp, really__mp3=a_sound().read_bytes())),
    "tags-unreadable": lambda tmp: of_shelf(
        shelf_with(
            tmp,
            tags__flac=a_sound().read_bytes()[:42].replace(b"\x80\0\0\x22", b"\0\0\0\x22")
            + b"\x04\xff\xff\xff",
        )
    ),
    "text-guessed": lambda tmp: of_shelf(
        shelf_with(tmp, old__mp3=(DATA / "sounds").joinpath("tone.mp3").read_bytes() + id3v1("Русская песня"))
    ),
    "cue-unreadable": lambda tmp: cue(tmp, b'FILE "01.flac" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 99:99:99\n'),
    "cue-file-missing": lambda tmp: cue(
        tmp, b'FILE "other.wav" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n'
    ),
    "poison-file": lambda tmp: {f.code for f in given_up((b"/", Entry(b"x", 1, 1)), "too long").findings},
    "outside-deposit": lambda tmp: of_shelf(_outside(tmp)),
    "listen-malformed": lambda tmp: of_listens(tmp / "l.csv", "artist,title,listens\nA,B,many\n"),
    "listen-negative": lambda tmp: of_listens(tmp / "l.csv", "artist,title,listens\nA,B,-4\n"),
    "listen-unnamed": lambda tmp: of_listens(tmp / "l.csv", "artist,title,listens\n,,4\n"),
    "source-gone": lambda tmp: of_keep(tmp, os.unlink),
    "source-changed": lambda tmp: of_keep(tmp, lambda path: path.write_bytes(b"other")),
    "file-damaged": lambda tmp: of_audit(tmp, lambda root: flip(first(root / "vault", "01.flac"))),
    "file-missing": lambda tmp: of_audit(tmp, lambda root: first(root / "vault", "01.flac").unlink()),
    "file-foreign": lambda tmp: of_audit(tmp, lambda root: (root / "vault" / "stray").write_text("?")),
    "file-unreadable": lambda tmp: of_audit(tmp, lambda root: into_loop(first(root / "vault", "content"))),
    "inventory-damaged": lambda tmp: of_audit(
        tmp, lambda root: flip(first(root / "vault", "inventory.json"))
    ),
    "root-damaged": lambda tmp: of_audit(tmp, lambda root: flip(root / "vault" / "ocfl_layout.json")),
    "claims-damaged": lambda tmp: of_audit(tmp, lambda root: flip(first(root / "claims", "*.zst"))),
    "journal-damaged": lambda tmp: of_audit(tmp, lambda root: flip(first(root / "journal", "*.jsonl"))),
    "journal-torn": torn_journal,
    "log-line-unreadable": lambda tmp: of_log("log-line-unreadable.log"),
    "place-absent": absent_place,
    "place-behind": place_behind,
    "unrepairable": lambda tmp: of_audit(
        tmp, lambda root: flip(first(root / "vault", "01.flac")), repair=True
    ),
}


def _outside(tmp: Path) -> Path:
    (tmp / "shelf").mkdir()
    (tmp / "shelf" / "notes.txt").write_text("hello")
    return tmp / "shelf"


def id3v1(title: str) -> bytes:
    return b"TAG" + title.encode("cp1251").ljust(30, b"\0") + b"\0" * 94 + b"\xff"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_finding_has_an_example_that_brings_it_about(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert code in EXAMPLES[code](tmp_path)
