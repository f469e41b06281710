"""Evidence in words: what was said on many days is said once, and the weightiest of it."""

from __future__ import annotations

from lockgroove.guard.casefile import Evidence
from lockgroove.guard.explaining import heaviest, paragraphs, play_words
from lockgroove.guard.hot import DAY_MS

NOON = 20_000 * DAY_MS + DAY_MS // 2  # 2024-10-04


def plays(days: int, weight: float) -> Evidence:
    body = {
        "plays_today": 80, "fresh_today": 70, "weight": weight, "threshold": 40.0, "days_known": 5e5,
        "days_with_more": 0.0001, "usual_most": 60.0, "by_popularity": [0.1] * 10,
        "heaviest": [{"at_ms": NOON, "track": f"{days:016x}", "weight": weight}],
    }  # fmt: skip
    return Evidence(NOON + days * DAY_MS, "plays", "plays-unlike-people", body)


def group(days: int, tracks: int, certain: bool = True) -> Evidence:
    body = {
        "group": f"{days}-1", "members": 12, "tracks": tracks, "met": 2, "expected": 180.0,
        "certain": certain,
    }  # fmt: skip
    return Evidence(NOON + days * DAY_MS, "group", "leave-tracks-to-each-other", body)


def test_of_plays_the_weightiest_is_told_and_of_groups_the_newest() -> None:
    told = paragraphs([plays(0, 41.0), group(1, 50), plays(1, 60.0), plays(2, 50.0), group(2, 90)])

    assert len(told) == 2
    of_plays, of_groups = (" ".join(one) for one in told)
    assert "2024-10-05" in of_plays
    assert "60.0" in of_plays
    assert of_plays.endswith("Likewise on 2 other days, the last 2024-10-06.")
    assert "90 tracks" in of_groups
    assert of_groups.endswith("Likewise on 1 other day, the last 2024-10-05.")


def test_what_a_proposal_rests_on_is_told_also_when_it_was_less_sure_later() -> None:
    ((*_, sure, likewise),) = paragraphs([group(0, 50), group(1, 60, certain=False)])

    assert sure == "That it is one of them is certain."
    assert likewise == "Likewise on 1 other day, the last 2024-10-05."


def test_what_was_said_once_is_not_said_to_have_been_said_again() -> None:
    assert "Likewise" not in str(paragraphs([plays(0, 41.0), plays(0, 42.0)]))
    assert paragraphs([]) == []


def test_what_weighed_most_comes_first_by_its_name_where_there_is_one() -> None:
    found = heaviest([plays(7, 41.0), plays(8, 60.0), plays(9, 50.0)], 2)

    assert [play_words(play, {8: "Choir, Kalinka"}) for play in found] == [
        "2024-10-04 12:00  Choir, Kalinka, +60.0",
        "2024-10-04 12:00  track 0000000000000009, +50.0",
    ]
