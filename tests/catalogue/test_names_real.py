"""Real names in thirty languages: spelled again they are the same, with a version added they are not."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockgroove.catalogue.names import compared, compared_all, fold

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the real names lie beside the repository")


def lines(path: str) -> list[str]:
    with gzip.open(DATA / path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


@pytest.fixture(scope="module")
def songs() -> list[tuple[str, str]]:
    rows = [json.loads(line) for line in lines("dali-names/dali_v1.jsonl.gz")]
    rows += [json.loads(line)["json"] for line in lines("saraga-indian-music/recordings.jsonl.gz")]
    return [(row["title"], row.get("artist") or credit(row)) for row in rows]


def credit(row: dict[str, Any]) -> str:
    return ", ".join(artist["name"] for artist in row["album_artists"]) or "Ada"


@pytest.mark.parametrize(
    "again",
    [
        str.upper,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace("'", "’").replace("-", "‐").replace(" ", "\u00a0"),
    ],
    ids=["upper case", "decomposed", "full width", "typographic signs"],
)
def test_real_names_spelled_again_are_the_same(
    songs: list[tuple[str, str]], again: Callable[[str], str]
) -> None:
    keys = compared_all(*zip(*songs, strict=True))
    other = compared_all([again(title) for title, _ in songs], [again(artist) for _, artist in songs])

    same = (keys[0] == other[0]) & (keys[1] == other[1])
    failed = [songs[n] for n in (~same).nonzero()[0]]
    assert failed == []
    assert (keys[0] != 0).mean() > 0.99


@pytest.mark.parametrize(
    "said", ["(Live)", "- Remix", "[Karaoke]", "(Pt. 2)", "(2011 Remaster)", "feat. Zoë Zed"]
)
def test_real_names_with_something_added_are_not_the_same(songs: list[tuple[str, str]], said: str) -> None:
    merged = [song for song in songs if compared(*song) == compared(f"{song[0]} {said}", song[1])]

    # A title that has the word behind it already, in a bracket of its own.
    assert [song for song in merged if not any(c in song[0] for c in "([-")] == []
    assert len(merged) < len(songs) / 500


def test_recordings_with_different_ids_stay_apart() -> None:
    known: dict[object, set[str]] = defaultdict(set)
    for line in lines("lastfm-1k-excerpt/user_000001-plays.tsv.gz"):
        parts = line.split("\t")
        if len(parts) > 5 and parts[4] and compared(parts[5], parts[3]).name:
            known[compared(parts[5], parts[3])].add(parts[4])

    assert len(known) > 800
    assert [key for key, mbids in known.items() if len(mbids) > 1] == []


def test_dirty_names_of_artists_are_joined() -> None:
    names = {line.split("\t")[1].strip() for line in lines("lastfm-hetrec-2k/artists.dat.gz")[1:]}
    joined: dict[str, set[str]] = defaultdict(set)
    for name in names:
        joined[compared("Song", name).name].add(name)
    groups = [group for key, group in joined.items() if key and len(group) > 1]

    assert len(groups) > sum(len({fold(name) for name in group}) == 1 for group in groups) > 80
    for one, other in (("X JAPAN", "Japan"), ("Duran Duran", "Duran Duran Duran"), ("Tyga", "Tiga")):
        assert {one, other} <= names
        assert not [group for group in groups if {one, other} <= group]
    for one, other in (
        ("Earth, Wind & Fire", "Wind & Fire Earth"),
        ("Слот", "Slot"),
        ("Sérgio Mendes", "Mendes, Sergio"),
    ):
        assert [group for group in groups if {one, other} <= group]


def test_tracks_are_the_recordings_that_they_are() -> None:
    """In MusicBrainz a track may be named otherwise; of these pairs the rest is in another language."""
    tables: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in map(json.loads, lines("musicbrainz-server-rows/rows.jsonl.gz")):
        if isinstance(line["row"], dict) and line["file"] == "webservice" and "id" in line["row"]:
            tables[line["table"]][line["row"]["id"]] = line["row"]
    pairs = [
        [(row["name"], tables["artist_credit"][row["artist_credit"]]["name"]) for row in (track, recording)]
        for track in tables["track"].values()
        if (recording := tables["recording"].get(track["recording"]))
    ]

    same = [compared(*one) == compared(*other) for one, other in pairs]
    assert len(same) > 200
    assert sum(same) / len(same) > 0.95
