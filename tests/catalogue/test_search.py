"""Search as you type: any order, any script, one typo, and pages that join to the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.catalogue.search import Doc, SearchIndex, build_index

SONGS = [
    ("さくらさくら", "日本古謡"),
    ("Коробейники", "Народная"),
    ("لما بدا يتثنى", "تراث"),
    ("Το τραγούδι", "Σαββόπουλος"),
    ("茉莉花", "民歌"),
    ("아리랑", "전통"),
    ("Gymnopédie No. 1", "Erik Satie"),
    ("Ode to Joy", "Ludwig van Beethoven"),
    ("The Entertainer", "Scott Joplin"),
    ("हिन्दी गीत", "लता"),
    ("เพลงไทย", "วง"),
    ("Pneumonoultramicroscopicsilicovolcanoconiosisandevenlongerthanthatwithmore", "Long"),
    ("ABCさくら", "Mixed"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    folder = tmp_path_factory.mktemp("search")
    build_index(str(folder), [Doc(n, n, (title, artist, None)) for n, (title, artist) in enumerate(SONGS)])
    return SearchIndex(str(folder))


def titles(index: SearchIndex, text: str) -> list[str]:
    return [SONGS[row][0] for row in index.rows(text)[0]]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("gymno", "Gymnopédie No. 1"),
        ("GYMNOPÉDIE", "Gymnopédie No. 1"),
        ("gymnopdeie", "Gymnopédie No. 1"),
        ("gynmopedie", "Gymnopédie No. 1"),
        ("satie gym", "Gymnopédie No. 1"),
        ("joy ode", "Ode to Joy"),
        ("beethoven joy", "Ode to Joy"),
        ("joy bethoven", "Ode to Joy"),
        ("beethoven o", "Ode to Joy"),
        ("entertainer joplin", "The Entertainer"),
        ("さくら", "さくらさくら"),
        ("さくらさくら", "さくらさくら"),
        ("sakura", "さくらさくら"),
        ("sakurasakura", "さくらさくら"),
        ("коробейники", "Коробейники"),
        ("КОРОБ", "Коробейники"),
        ("korobeiniki", "Коробейники"),
        ("لما", "لما بدا يتثنى"),
        ("يتثنى لما", "لما بدا يتثنى"),
        ("τραγουδι", "Το τραγούδι"),
        ("tragoudi", "Το τραγούδι"),
        ("茉莉", "茉莉花"),
        ("莉花", "茉莉花"),
        ("moli", "茉莉花"),
        ("아리랑", "아리랑"),
        ("아리", "아리랑"),
        ("हिन्दी", "हिन्दी गीत"),
        ("เพลง", "เพลงไทย"),
        ("さくら", "ABCさくら"),
        (SONGS[11][0], SONGS[11][0]),
    ],
)
def test_what_people_type_finds_it(index: SearchIndex, text: str, title: str) -> None:
    assert title in titles(index, text)


@pytest.mark.parametrize("text", ["satie beethoven", "xylophone", "gxmnxpedie", "दूसरा"])
def test_what_is_not_there_is_not_found(index: SearchIndex, text: str) -> None:
    assert index.rows(text) == ([], 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "\ud800",
        "'; DROP TABLE recordings; --",
        "a AND OR NOT",
        "words:*",
        '"unclosed',
        "((((",
        "^~+-*/\\",
        "[a TO z]",
        "🎵",
        "\u202e",
        "é" * 5000,
        "a " * 5000,
        "x" * 100_000,
        "さ" * 5000,
        "%00%s{}",
        "a\nb\tc",
    ],
)
def test_no_question_is_too_odd(index: SearchIndex, text: str) -> None:
    rows, count = index.rows(text)

    assert count >= len(rows)


@given(st.text(max_size=60), st.integers(0, 30), st.integers(1, 30))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_raises(index: SearchIndex, text: str, offset: int, limit: int) -> None:
    rows, count = index.rows(text, limit, offset)

    assert len(rows) <= min(limit, max(0, count - offset))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> SearchIndex:
    """More than fit into the first window, most of them alike, some heard more."""
    folder = tmp_path_factory.mktemp("many")
    docs = [
        Doc(n, (n * 7919) % 100, ("Song" if n % 3 else "Song of songs", f"Artist {n % 10}"))
        for n in range(1500)
    ]
    build_index(str(folder), docs)
    return SearchIndex(str(folder))


@pytest.mark.parametrize("size", [7, 100, 400, 1000])
@pytest.mark.parametrize("text", ["song", "son", "artist 3 song"])
def test_pages_joined_are_the_whole_without_repeats(many: SearchIndex, text: str, size: int) -> None:
    count = many.rows(text)[1]

    pages = [many.rows(text, size, offset) for offset in range(0, count, size)]

    joined = [row for rows, _ in pages for row in rows]
    assert {n for _, n in pages} == {count}
    assert len(joined) == len(set(joined)) == count


def test_the_same_question_has_the_same_answer_and_what_is_heard_more_comes_first(many: SearchIndex) -> None:
    first = many.rows("artist 3", 50)[0]

    assert (
        many.rows("artist 3", 50)[0]
        == first
        == many.rows("artist 3", 20)[0] + many.rows("artist 3", 30, 20)[0]
    )
    alike = [row for row in first if row % 3]
    assert [(r * 7919) % 100 for r in alike] == sorted(((r * 7919) % 100 for r in alike), reverse=True)


def test_an_index_of_nothing_answers(tmp_path: Path) -> None:
    build_index(str(tmp_path), [])

    assert SearchIndex(str(tmp_path)).rows("song") == ([], 0)


def test_a_romanisation_is_found_however_it_is_parted(tmp_path: Path) -> None:
    build_index(str(tmp_path / "i"), [Doc(0, 5, ("茉莉花", "Players")), Doc(1, 9, ("Moly Hue", "Others"))])

    index = SearchIndex(str(tmp_path / "i"))

    for words in ("molihua", "moli hua", "mo li hua", "Mo Li"):
        assert 0 in index.rows(words)[0], words
