"""How names are matched: real names, spelled again in known ways, and pairs whose truth a source states.

    python bench/matching.py [--show]

Reads the real data beside the repository and stores figures alone. For each kind of difference: of pairs that
are one recording, how many get one key (recall); of pairs that are not, how many do. The reference is equal
folding of artist and title, with nothing understood. Durations, which the archive asks for too, are not read
here. The kinds were written by who wrote the rules: they show that the rules do what they claim, and on
which real titles they fail, not how often real sources differ so. The Free Music Archive's titles were held
out while the rules were made. `--show` prints the pairs that went wrong.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import sys
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import measuring
from spellings import KINDS, Song, pairs_of

from lockgroove.catalogue.names import artist_fold, compared, compared_all, fold

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
HELD_OUT = "fma"


def songs() -> Iterator[tuple[str, Song]]:
    """(set, song) of every set beside the repository."""
    for row in lines("dali-names/dali_v1.jsonl.gz"):
        yield "dali", Song(row["title"], row["artist"])
    for row in lines("saraga-indian-music/recordings.jsonl.gz"):
        said = row["json"]
        names = [artist["name"] for artist in said.get("album_artists") or []]
        if names:
            yield "saraga", Song(said["title"], ", ".join(names))
    for title, artist, _ in discogs_tracks():
        yield "discogs", Song(title, artist)
    with gzip.open(DATA / "lastfm-1k-excerpt/user_000001-plays.tsv.gz", "rt", encoding="utf-8") as plays:
        for line in plays:
            parts = line.rstrip("\n").split("\t")
            if len(parts) > 5:
                yield "lastfm", Song(parts[5], parts[3])
    with gzip.open(DATA / "fma-excerpt/raw_tracks_excerpt.csv.gz") as file:
        text = file.read().decode("utf-8", "replace")
    for line in csv.DictReader(io.StringIO(text)):
        yield HELD_OUT, Song(line["track_title"], line["artist_name"])


def lines(path: str) -> Iterator[dict[str, Any]]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def releases() -> Iterator[ET.Element]:
    with gzip.open(DATA / "discogs-dump-sample/discogs_20200806_releases.xml.gz") as file:
        yield from ET.parse(file).getroot()


def discogs_tracks() -> Iterator[tuple[str, str, str]]:
    for release in releases():
        for track in release.iter("track"):
            credit = track.find("artists")
            credit = release.find("artists") if credit is None else credit
            names = [artist.findtext("name") or "" for artist in credit] if credit is not None else []
            title = track.findtext("title")
            if title and names:
                yield title, " & ".join(names), track.findtext("duration") or ""


class Score(NamedTuple):
    """Of so many pairs, how many have one key, folded alone and as compared; and those that went wrong."""

    pairs: int
    folded: int
    merged: int
    wrong: list[tuple[Song, Song]]


def score(pairs: Iterable[tuple[Song, Song]], one: bool) -> Score:
    count = folded = merged = 0
    wrong = []
    for a, b in pairs:
        count += 1
        folded += artist_fold(a.artist) == artist_fold(b.artist) and fold(a.title) == fold(b.title)
        same = compared(*a) == compared(*b) and compared(*a).name != ""
        merged += same
        if same != one:
            wrong.append((a, b))
    return Score(count, folded, merged, wrong)


# --- pairs whose truth a source states ---


def tracks_of_recordings() -> Iterator[tuple[Song, Song]]:
    """MusicBrainz: a track and the recording that it is, each with its own name and credit."""
    tables: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in lines("musicbrainz-server-rows/rows.jsonl.gz"):
        row = line["row"]
        if isinstance(row, dict) and "id" in row and line["file"] == "webservice":
            tables[line["table"]][row["id"]] = row
    for track in tables["track"].values():
        recording = tables["recording"].get(track["recording"])
        both = [tables["artist_credit"].get(row["artist_credit"]) for row in (track, recording or {}) if row]
        if recording and all(both) and len(both) == 2:
            names = [str(credit["name"]) for credit in both if credit]
            yield Song(track["name"], names[0]), Song(recording["name"], names[1])


def aliases() -> Iterator[tuple[Song, Song]]:
    """MusicBrainz: an artist and its aliases, as artists of one song."""
    rows = [line for line in lines("musicbrainz-server-rows/rows.jsonl.gz") if isinstance(line["row"], dict)]
    names = {(r["file"], r["row"].get("id")): r["row"].get("name") for r in rows if r["table"] == "artist"}
    for row in rows:
        if row["table"] == "artist_alias":
            name = names.get((row["file"], row["row"]["artist"]))
            if name and name != row["row"]["name"]:
                yield Song("Song", name), Song("Song", row["row"]["name"])


def name_variations() -> Iterator[tuple[Song, Song]]:
    """Discogs: an artist's name and the variation printed on a release."""
    seen = set()
    for release in releases():
        for artist in release.iter("artist"):
            name, printed = artist.findtext("name"), artist.findtext("anv")
            if name and printed and (name, printed) not in seen:
                seen.add((name, printed))
                yield Song("Song", name), Song("Song", printed)


def distinct_by_mbid() -> Iterator[tuple[Song, Song]]:
    """Last.fm: names with different MusicBrainz ids under one artist: all pairs are different recordings."""
    by_artist: dict[str, dict[str, Song]] = defaultdict(dict)
    with gzip.open(DATA / "lastfm-1k-excerpt/user_000001-plays.tsv.gz", "rt", encoding="utf-8") as plays:
        for line in plays:
            parts = line.rstrip("\n").split("\t")
            if len(parts) > 5 and parts[4]:
                by_artist[parts[3]][parts[4]] = Song(parts[5], parts[3])
    for known in by_artist.values():
        each = list(known.values())
        yield from ((a, b) for n, a in enumerate(each) for b in each[:n])


def others_of_an_artist() -> Iterator[tuple[Song, Song]]:
    """Discogs: titles of one artist that fold apart, all pairs: taken as different, though a few are not."""
    by_artist: dict[str, dict[str, Song]] = defaultdict(dict)
    for title, artist, _ in discogs_tracks():
        by_artist[artist][fold(title)] = Song(title, artist)
    for known in by_artist.values():
        each = list(known.values())[:200]
        yield from ((a, b) for n, a in enumerate(each) for b in each[:n])


STATED = (
    ("MusicBrainz track and recording", True, tracks_of_recordings),
    ("MusicBrainz artist and alias", True, aliases),
    ("Discogs artist and printed name", True, name_variations),
    ("Last.fm, other MusicBrainz id, same artist", False, distinct_by_mbid),
    ("Discogs, other title, same artist", False, others_of_an_artist),
)


def row(name: str, one: bool, found: Score) -> dict[str, object]:
    of = found.pairs or 1
    return {
        "measured": name,
        "size": found.pairs,
        "value": round(found.merged / of, 4),
        "unit": "recall" if one else "share merged wrongly",
        "reference": round(found.folded / of, 4),
        "reference_name": "equal folding",
        "reach": None if one else 0.005,
    }


def dirty_artists(show: bool) -> list[dict[str, object]]:
    """Last.fm artists that are one when compared: how many groups, and how many by folding alone."""
    groups: dict[str, set[str]] = defaultdict(set)
    folded: dict[str, set[str]] = defaultdict(set)
    with gzip.open(DATA / "lastfm-hetrec-2k/artists.dat.gz", "rt", encoding="utf-8") as file:
        names = [line.split("\t")[1].strip() for line in file][1:]
    for name in names:
        groups[compared("Song", name).name or name].add(name)
        folded[fold(name) or name].add(name)
    several = [group for group in groups.values() if len(group) > 1]
    if show:
        for group in several:
            if len(set(map(fold, group))) > 1:
                print("  one artist:", group, file=sys.stderr)
    return [
        {
            "measured": "Last.fm artists that are one when compared",
            "size": len(names),
            "value": len(several),
            "unit": "groups",
            "reference": sum(len(group) > 1 for group in folded.values()),
            "reference_name": "equal folding",
        }
    ]


def speed(known: list[tuple[str, Song]]) -> Iterator[dict[str, object]]:
    for name, chosen in (
        ("ASCII titles", [song for _, song in known if song.title.isascii()]),
        ("titles beyond ASCII", [song for _, song in known if not song.title.isascii()]),
        ("all titles", [song for _, song in known]),
    ):
        many = (chosen * (100_000 // len(chosen) + 1))[:100_000]
        titles, artists = [song.title for song in many], [song.artist for song in many]
        seconds = []
        for _ in range(3):
            began = time.process_time()
            compared_all(titles, artists)
            seconds.append(time.process_time() - began)
        yield {
            "measured": f"compared_all, {name}",
            "size": len(many),
            "value": round(min(seconds) / len(many) * 1e6, 2),
            "unit": "CPU µs a pair, both keys",
            "reach": 6,
        }


def spelled_again(label: str, known: list[Song], show: bool) -> Iterator[dict[str, object]]:
    """A row for each kind over a set of songs, and the precision over all kinds together."""
    right = wrong = 0
    for kind in KINDS:
        found = score(pairs_of(kind, known), kind.one)
        right, wrong = right + kind.one * found.merged, wrong + (not kind.one) * found.merged
        tell(kind.name, found, show)
        if found.pairs:
            yield {"set": label, **row(kind.name, kind.one, found)}
    yield {
        "set": label,
        "measured": "precision over all kinds",
        "size": right + wrong,
        "value": round(right / (right + wrong), 5),
        "unit": "share of merged pairs that are one",
        "reach": 0.995,
    }


def stated(show: bool) -> Iterator[dict[str, object]]:
    for name, one, pairs in STATED:
        found = score(pairs(), one)
        tell(name, found, show)
        yield {"set": "stated by the source", **row(name, one, found)}


def tell(name: str, found: Score, show: bool) -> None:
    for a, b in found.wrong[:25] if show else []:
        print(f"  {name}: {a} | {b} → {compared(*a)} | {compared(*b)}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--show", action="store_true", help="print the pairs that went wrong")
    show = parser.parse_args().show
    known = sorted({(name, song) for name, song in songs() if compared(*song).name})
    rows = [
        *spelled_again("looked at", [song for name, song in known if name != HELD_OUT], show),
        *spelled_again("held out", [song for name, song in known if name == HELD_OUT], show),
        *stated(show),
        *dirty_artists(show),
        *speed(known),
    ]
    measuring.record("matching", rows)


if __name__ == "__main__":
    main()
