"""What operators said by hand of pairs of recordings travels with a dump, and stays a guest's word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from publishing import dump_again, open_shelf, publish, take

from lockgroove.archive import Archive
from lockgroove.dumps import write as writing
from lockgroove.errors import VerificationFailed
from lockgroove.rebuild import hand_matches
from lockgroove.report import Silence


def ids(home: Path, *titles: str) -> list[str]:
    """Ids of the recordings with these titles."""
    with Archive(str(home)) as opened:
        reader = opened.reader(Silence())
        found = [reader.select("SELECT * FROM recordings WHERE title = ?", title)[0] for title in titles]
        reader.close()
    return [str(row["recording_id"]) for row in found]


def say(home: Path, titles: tuple[str, str], same: bool) -> None:
    said(home, ids(home, *titles), same)


def said(home: Path, pair: list[str], same: bool) -> None:
    one, other = pair
    with Archive(str(home)) as opened:
        subjects = {"one": one, "other": other}
        opened.rooms.journal.append("matched", subjects, {"same": same, "because": "heard", "by": "me"})


def rows_of(home: Path, *titles: str) -> set[int]:
    """The rows that claims with these titles are in."""
    with Archive(str(home)) as opened:
        reader = opened.reader(Silence())
        query = "SELECT DISTINCT m.recording_row FROM matches m WHERE m.key LIKE ?"
        found = {row["recording_row"] for title in titles for row in reader.select(query, f"%{title}%")}
        reader.close()
    return found


SONGS = ("Song 0.0", "Song 0.1")
KEYS = ("Album 0/01 song", "Album 0/02 song")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    publish(tmp_path / "a", open_shelf(tmp_path / "shelf", 2))
    return tmp_path / "a"


def test_a_mirror_builds_the_tables_that_were_signed(home: Path, tmp_path: Path) -> None:
    assert len(rows_of(home, *KEYS)) == 2
    say(home, SONGS, True)

    done = take(dump_again(home), tmp_path / "b")

    assert done.tables_different == []
    assert len(rows_of(tmp_path / "b", *KEYS)) == 1
    assert take(dump_again(tmp_path / "b"), tmp_path / "c").tables_different == []
    assert len(rows_of(tmp_path / "c", *KEYS)) == 1


def test_our_own_word_wins_over_a_publishers(home: Path, tmp_path: Path) -> None:
    say(home, SONGS, True)
    dump = dump_again(home)
    take(dump, tmp_path / "b")
    with Archive(str(tmp_path / "b")) as opened:
        made = hand_matches(opened.index.notable("matched"))
        subjects = {"one": made[0].one, "other": made[0].other}
        opened.rooms.journal.append("matched", subjects, {"same": False, "because": "two", "by": "us"})

    take(dump, tmp_path / "b")

    assert len(rows_of(tmp_path / "b", *KEYS)) == 2
    with Archive(str(tmp_path / "b")) as opened:
        assert [m.same for m in hand_matches(opened.index.notable("matched"))] == [True, False]


def test_what_was_said_of_dark_recordings_is_not_told(home: Path) -> None:
    one, other, dark = ids(home, *SONGS, "Unsaid")  # by id: what is one has one title
    said(home, [one, dark], True)
    said(home, [one, other], False)

    dump = dump_again(home)

    lines = (dump / "matches.jsonl").read_text().splitlines()
    assert [json.loads(line)["same"] for line in lines] == [False]


def test_matches_that_are_none_are_refused_before_anything_is_taken(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockgroove.campaigns.publish._published", lambda _: {"one": 1, "same": "yes"})
    say(home, SONGS, True)
    dump = dump_again(home)

    with pytest.raises(VerificationFailed, match=r"matches\.jsonl"):
        take(dump, tmp_path / "b")

    assert not any((tmp_path / "b" / "claims").iterdir())


def test_a_dump_from_before_there_were_matches_is_taken(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(writing, "MATCHES", "other.jsonl")
        dump = dump_again(home)
    assert not (dump / "matches.jsonl").exists()

    assert take(dump, tmp_path / "b").tables_different == []
