"""The operator's file: read whole, refused with a reason, and never rewritten beyond what was asked."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove import config
from lockgroove.config import PlaceConfig
from lockgroove.errors import UsageError

NAME = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
HAND_WRITTEN = """\
# my own words
[archive]   # about the archive
id = "arc-1"
name = "Home"  # called so for a reason
writer = "w1"

# the disk in the cellar
[[places]]
name = "cellar"        # cold and dry
location = "/mnt/cellar"

# keys that I checked by telephone
[trust]
keys = [
    "RWQone",  # Ada
]
"""


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / config.FILE).write_text(HAND_WRITTEN)
    return str(tmp_path)


def comments(root: str) -> list[str]:
    text = (Path(root) / config.FILE).read_text()
    return [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line]


def test_a_hand_written_file_is_understood(root) -> None:
    read = config.load(root)

    assert (read.archive_id, read.name, read.writer) == ("arc-1", "Home", "w1")
    assert read.places == [PlaceConfig("cellar", "/mnt/cellar")]
    assert read.trusted_keys == ["RWQone"]


@pytest.mark.parametrize(
    "change",
    [
        lambda root: config.add_place(root, PlaceConfig("attic", "/mnt/attic")),
        lambda root: config.trust_key(root, "RWQtwo"),
        lambda root: config.remove_place(root, "nobody"),
    ],
)
def test_comments_are_kept_when_the_file_is_changed(root, change) -> None:
    before = comments(root)

    change(root)

    assert comments(root) == before


@given(st.lists(st.tuples(NAME, NAME), max_size=4, unique_by=lambda pair: pair[0]), NAME)
def test_places_that_are_added_are_there_and_can_be_removed(tmp_path_factory, places, name) -> None:
    root = str(tmp_path_factory.mktemp("config"))
    config.create(root, "arc-1", name, "w1")

    for pair in places:
        config.add_place(root, PlaceConfig(*pair))
    added = config.load(root)
    for pair in places[:2]:
        config.remove_place(root, pair[0])

    assert added.name == name
    assert added.places == [PlaceConfig(*pair) for pair in places]
    assert config.load(root).places == [PlaceConfig(*pair) for pair in places[2:]]


def test_places_written_in_one_line_can_be_added_to(root) -> None:
    path = Path(root) / config.FILE
    path.write_text(
        'places = [{name = "a", location = "/a"}]\n[archive]\nid = "1"\nname = "n"\nwriter = "w"\n'
    )

    config.add_place(root, PlaceConfig("b", "/b"))
    config.remove_place(root, "a")

    assert config.load(root).places == [PlaceConfig("b", "/b")]


def test_a_key_is_trusted_once(root) -> None:
    config.trust_key(root, "RWQtwo")
    config.trust_key(root, "RWQtwo")

    assert config.load(root).trusted_keys == ["RWQone", "RWQtwo"]


@pytest.mark.parametrize(
    "text",
    [
        "[archive",
        "",
        "[archive]\nid = 1",
        "archive = 3",
        'archive = "x"',
        HAND_WRITTEN.replace("[[places]]", "[places]"),
        HAND_WRITTEN.replace('location = "/mnt/cellar"', ""),
        'trust = ["RWQone"]\n' + HAND_WRITTEN.partition("[trust]")[0],
        HAND_WRITTEN.replace('keys = [\n    "RWQone",  # Ada\n]', "keys = 7"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_where_it_is(root, text) -> None:
    (Path(root) / config.FILE).write_text(text)

    with pytest.raises(UsageError) as refused:
        config.load(root)

    assert refused.value.where == f"{root}/{config.FILE}"
    assert refused.value.advice


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'[archive]\nname = "\xe9"'])
def test_what_is_no_text_is_refused(root, raw) -> None:
    (Path(root) / config.FILE).write_bytes(raw)

    with pytest.raises(UsageError):
        config.load(root)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing"):
        config.load(str(tmp_path))


def test_a_broken_file_is_never_written_over(root) -> None:
    path = Path(root) / config.FILE
    path.write_text(HAND_WRITTEN + "\nbroken =")

    with pytest.raises(UsageError):
        config.add_place(root, PlaceConfig("attic", "/mnt/attic"))

    assert path.read_text() == HAND_WRITTEN + "\nbroken ="


def test_a_table_that_there_is_not_is_told(tmp_path: Path) -> None:
    """A word mistyped would else be a choice that nobody hears of."""
    config.create(str(tmp_path), "arc-1", "Here", "w1")
    with open(tmp_path / config.FILE, "a") as file:
        file.write("\n[gaurd]\non = false\n")

    with pytest.raises(UsageError, match="no table gaurd"):
        config.load(str(tmp_path))
