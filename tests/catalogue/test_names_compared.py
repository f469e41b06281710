"""When two titles by two credits are the same by names, and when they are not."""

from __future__ import annotations

import time
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.catalogue.names import Compared, compared, compared_all, name_key, version_key
from lockgroove.catalogue.names.credits import credit_words
from lockgroove.catalogue.names.folding import fold_words, latin
from lockgroove.catalogue.names.titles import TELLING, read_title

WORDS = st.sampled_from(
    """song night Love the The feat ft. featuring & and with x live Live remix Mix (Live) [Remix] - – ( ) [ ]
    / 2 02 II iv part Pt. no. # one 2011 remaster Remastered version album explicit I. i v B. A$AP ! ★ ё
    Песня часть 夜曲 现场版 ライブ ドライブ バージョン 라이브 أغنية en vivo ao a cappella capella re sped up
    official video 1st '' n' rock roll nº op 5 y e off vocal prod by track original mix""".split()
)
TITLES = st.lists(WORDS, max_size=7).map(" ".join) | st.text(max_size=20)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Song (Live at Wembley)", "Ada"), ("Song - Live at Wembley", "Ada")),
        (("Song - 2011 Remaster", "Ada"), ("Song (Remastered 2011)", "Ada")),
        (("Song - 2011 Remastered Version", "Ada"), ("Song [2011 Digital Remaster]", "Ada")),
        (("Song (Live Version)", "Ada"), ("Song [live]", "Ada")),
        (("Song (En Vivo)", "Ada"), ("Song (Ao Vivo)", "Ada")),
        (("Песня (акустика)", "Ада"), ("Песня - acoustic", "Ада")),
        (("夜曲 (现场版)", "周杰伦"), ("夜曲（Live）", "周杰倫")),
        (("夜曲 Live版", "周杰伦"), ("夜曲 (Live)", "周杰倫")),
        (("夜曲（钢琴版）", "周杰伦"), ("夜曲 [钢琴 version]", "周杰倫")),
        (("夜に（ライブバージョン）", "Ada"), ("夜に (Live)", "Ada")),
        (("노래 (라이브)", "에이다"), ("노래 - Live", "에이다")),
        (("Song (a cappella)", "Ada"), ("Song [Acapella]", "Ada")),
        (("Song (Re-mastered)", "Ada"), ("Song (Remastered)", "Ada")),
        (("Song (Slowed Down)", "Ada"), ("Song - slowed", "Ada")),
        (("F.E.E.L. Y.O.U.", "Ada"), ("FEEL YOU", "Ada")),
        (("Song (Album Version)", "Ada"), ("Song", "Ada")),
        (("Song (Original Mix)", "Ada"), ("Song", "Ada")),
        (("Song [Explicit]", "Ada"), ("Song", "Ada")),
        (("Song (prod. by Cleo)", "Ada"), ("Song", "Ada")),
        (("01 - Song", "Ada"), ("Song", "Ada")),
        (("Ada - Song", "Ada"), ("Song", "Ada")),
        (("Boxer, The", "Ada"), ("The Boxer", "Ada")),
        (("Rock & Roll", "Ada"), ("Rock 'n' Roll", "Ada")),
        (("Sturm und Drang", "Ada"), ("Sturm & Drang", "Ada")),
        (("Hip-Hop", "Ada"), ("Hip Hop", "Ada")),
        (("Tik Tok", "Ke$ha"), ("TiK ToK", "Kesha")),
    ],
)
def test_spellings_of_one_title_are_the_same(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert compared(*one) == compared(*other)
    assert compared(*one).name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Foo (Part II)", "Foo, Pt. 2"),
        ("Foo Part Two", "Foo, Pt.2"),
        ("Foo Teil 2", "Foo (Part 2)"),
        ("Foo, часть 2", "Foo, Pt. II"),
        ("Symphony No. 5", "Symphony #5"),
        ("Symphony Nr. 05", "Symphony № 5"),
        ("Rocky IV", "Rocky 4"),
        ("I. Allegro", "1. Allegro"),
        ("Winterreise: I. Gute Nacht", "Winterreise: 1. Gute Nacht"),
        ("Album, Vol. 3", "Album Volume III"),
        ("2nd Movement", "2 Movement"),
        ("أغنية ٥", "اغنيه 5"),
    ],
)
def test_numbers_count_however_they_are_written(one: str, other: str) -> None:
    assert compared(one, "Ada") == compared(other, "Ada")
    assert compared(one, "Ada").version


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Simon & Garfunkel", "Garfunkel and Simon"),
        ("Ada feat. Bob", "Ada & Bob"),
        ("Ada (feat. Bob)", "Bob, Ada"),
        ("Ada ft Bob", "Ada x Bob"),
        ("Ada w/ Bob", "Ada with Bob"),
        ("Sandy e Junior", "Sandy & Júnior"),
        ("Sonny und Frank", "Frank/Sonny"),
        ("The Beatles", "Beatles, The"),
        ("Florence + the Machine", "Florence and The Machine"),
        ("Prince & The Revolution", "Prince and Revolution"),
        ("Lindsay Lohan/Lindsay Lohan", "Lindsay Lohan"),
        ("Simon, Paul", "Paul Simon"),
        ("Takanashi Yasuharu", "Yasuharu Takanashi"),
        ("R.E.M.", "REM"),
        ("R. E. M.", "rem"),
        ("A R Rahman", "A.R. Rahman"),
        ("N*E*R*D", "N.E.R.D."),
        ("Guns'n'Roses", "Guns N' Roses"),
        ("AC/DC", "ACDC"),
        ("Nirvana (2)", "Nirvana"),
        ("Дима Билан", "Dima Bilan"),
        ("Zемфира", "ЗЕМФИРА"),
        ("Röyksopp", "ROYKSOPP"),
        ("Mø", "MO"),
        ("A$AP Rocky", "ASAP Rocky"),
        ("P!nk", "Pink"),
        ("Сергей", "Sergey"),
        ("周杰伦", "周杰倫"),
    ],
)
def test_spellings_of_one_credit_are_the_same(one: str, other: str) -> None:
    assert compared("Song", one) == compared("Song", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("X Japan", "Japan"),
        ("Duran Duran", "Duran Duran Duran"),
        ("Mr. X", "Mr."),
        ("Rx", "X-Rx"),
        ("Бригада", "Бригада С"),
        ("Mono Mono", "Mono"),
        ("U-N-I", "IU"),
        ("!!!", "†††"),
        ("The The", "!!!"),
        ("Ada feat. Bob", "Ada"),
        ("Ada feat. Bob", "Ada feat. Cleo"),
    ],
)
def test_different_artists_stay_apart(one: str, other: str) -> None:
    assert compared("Song", one).name != compared("Song", other).name
    assert "" not in (compared("Song", one).name, compared("Song", other).name)


def test_a_guest_counts_wherever_named() -> None:
    named = {
        compared("Song (feat. Bob)", "Ada"),
        compared("Song [ft. Bob]", "Ada"),
        compared("Song featuring Bob", "Ada"),
        compared("Song - Feat. Bob", "Ada"),
        compared("Song", "Ada feat. Bob"),
        compared("Song (feat. Bob)", "Ada feat. Bob"),
        compared("Song (with Bob)", "Ada, Bob"),
    }

    assert len(named) == 1
    assert compared("Song", "Ada") not in named


@pytest.mark.parametrize(
    "said",
    [
        *(
            "Live",
            "Remix",
            "Radio Edit",
            "Acoustic",
            "2011 Remaster",
            "Karaoke",
            "Inst.",
            "Demo",
            "Extended",
            "Mono",
        ),
        *(
            "Pt. 2",
            "2",
            "II",
            "Cover",
            "Reprise",
            "Dub",
            "A Cappella",
            "Slowed + Reverb",
            "Sped Up",
            "8D Audio",
        ),
        *(
            "En Vivo",
            "Ao Vivo",
            "ライブ",
            "акустика",
            "Remasterizado",
            "カラオケ",
            "라이브",
            "Re-Recorded",
            "Clean",
        ),
        *("Japanese Version", "Original Demo", "Official Live Video", "Explicit Remix"),
    ],
)
@pytest.mark.parametrize("form", ["{} ({})", "{} - {}", "{} [{}]", "{} {}"])
def test_a_version_is_never_the_song_itself(said: str, form: str) -> None:
    assert compared(form.format("Song", said), "Ada").version != compared("Song", "Ada").version == ""


@pytest.mark.parametrize(
    "title", ["ドライブ", "Olive", "Alive", "Mixtape", "Coverdale", "Notorious", "出版", "Viva la Vida"]
)
def test_a_word_within_a_word_tells_no_version(title: str) -> None:
    assert compared(title, "Ada").version == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song (Live at Wembley)", "Song (Live)"),
        ("Song (Live at Wembley)", "Song (Live in Rio)"),
        ("Song (Cleo Remix)", "Song (Dan Remix)"),
        ("Song (2011 Remaster)", "Song (1994 Remaster)"),
        ("Song, Pt. 1", "Song, Pt. 2"),
        ("Sonata 1, Op. 2 No. 3", "Sonata 3, Op. 2 No. 1"),
        ("Opus 1, 2", "Opus 12"),
        ("Song (Radio Edit)", "Song (Extended Edit)"),
        ("Live Forever", "Forever"),
        ("All My Ex's Live in Texas", "All My Ex's Live in Texas (Live)"),
        ("No, No, No (2011 Remaster)", "No, No (2011 Remaster)"),
        ("2000 - Demo", "2001 - Demo"),
        ("2000 - Song", "2001 - Song"),
        ("ドライブ", "ド"),
        ("かき", "かぎ"),
        ("Bill", "Beal"),
        ("★", "÷"),
    ],
)
def test_different_songs_stay_apart(one: str, other: str) -> None:
    assert compared(one, "Ada") != compared(other, "Ada")
    assert "" not in (compared(one, "Ada").name, compared(other, "Ada").name)


@pytest.mark.parametrize(
    "title",
    [
        *(
            None,
            "",
            "  ",
            "\0",
            "\ud800",
            "???",
            "Track 01",
            "track1",
            "Untitled",
            "[untitled]",
            "Sans titre",
        ),
        *("無題", "Дорожка 3", "トラック 3", "Titel 3", "03", "Intro"),
    ],
)
def test_a_title_that_names_nothing_is_not_compared(title: str | None) -> None:
    assert compared(title, "Ada").name == ""


@pytest.mark.parametrize(
    "artist",
    [
        *(None, "", " ", "?", "\ud800", "Various Artists", "V.A.", "[unknown]", "<unknown>", "群星"),
        *("Неизвестный исполнитель", "Artista desconocido"),
    ],
)
def test_a_credit_that_names_nobody_is_not_compared(artist: str | None) -> None:
    assert compared("Song", artist).name == ""


@pytest.mark.parametrize(
    "title", ["1979", "22", "7", "Talk", "Live and Let Die", "Edit Me", "The Remix", "★", "99 Luftballons"]
)
def test_odd_titles_are_compared(title: str) -> None:
    assert compared(title, "Ada").name


@given(TITLES, TITLES)
def test_a_name_is_the_same_in_any_case_and_width(title: str, artist: str) -> None:
    """For plain letters; case is not always undone in other scripts (ß, ı)."""
    one = compared(title, artist)

    if title.isascii() and artist.isascii():
        assert compared(title.upper(), artist.lower()) == one
        wide = title.translate({c: c + 0xFEE0 for c in range(0x21, 0x7F) if chr(c).isalnum()})
        assert compared(wide, artist) == one
    assert compared(f" {title} ", f" {artist} ") == one


@given(st.lists(st.tuples(TITLES | st.none(), TITLES | st.none()), max_size=8))
def test_columns_are_compared_as_single_names_are(pairs: list[tuple[str | None, str | None]]) -> None:
    titles, artists = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    names, versions = compared_all(titles, artists)

    each = [compared(*pair) for pair in pairs]
    assert (names.dtype, versions.dtype) == (np.int64, np.int64)
    assert names.tolist() == [name_key(one.name) for one in each]
    assert versions.tolist() == [version_key(one.version) for one in each]
    if not any("\ud800" <= c <= "\udfff" for text in titles + artists for c in text or ""):
        columns = compared_all(
            pa.array(titles, pa.string()), pa.chunked_array([pa.array(artists, pa.string())])
        )
        assert [column.tolist() for column in columns] == [names.tolist(), versions.tolist()]


@given(TITLES)
def test_the_short_way_and_the_long_way_agree(title: str) -> None:
    """A plain title is not read word by word; reading it so would say the same."""
    own, version, guests = read_title(title, credit_words("Ada"))

    if title.isascii() and TELLING.isdisjoint(fold_words(title)) and compared(title, "Ada").name:
        assert compared(title, "Ada").version == version
        if not guests and own:
            assert compared(title, "Ada").name == f"ada/{latin(''.join(own))}"


def test_it_does_not_matter_where_a_batch_begins() -> None:
    titles, artists = ["Song", "Song (Live)", None] * 50, ["Ada", "Bob", "Ada & Bob"] * 50

    names, versions = compared_all(titles, artists)
    parts = [compared_all(titles[n : n + 7], artists[n : n + 7]) for n in range(0, 150, 7)]

    assert names.tolist() == np.concatenate([part[0] for part in parts]).tolist()
    assert versions.tolist() == np.concatenate([part[1] for part in parts]).tolist()
    assert [array.size for array in compared_all([], [])] == [0, 0]


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        compared_all(["Song"], [])


def test_a_key_is_what_the_page_says() -> None:
    name = compared("Song", "Ada").name

    assert name == "ada/song"
    assert name_key(name) == int.from_bytes(blake2b(b"ada/song", digest_size=8).digest(), "big", signed=True)
    assert name_key("") == version_key("") == 0
    assert version_key("live") == int.from_bytes(blake2b(b"live", digest_size=8).digest(), "big", signed=True)


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_no_name_is_too_odd(title: str, artist: str) -> None:
    found = compared(title, artist)

    assert isinstance(found, Compared)
    assert found.version == " ".join(sorted(found.version.split()))
    assert name_key(found.name) == compared_all([title], [artist])[0][0]


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        " ",
        "-",
        " - ",
        "& ",
        "feat. ",
        "feat. a ",
        "0",
        "i. ",
        "a.",
        "$a",
        "ライブ",
        "the ",
        "no ",
        "part ",
        "é",
        "\0",
        "n'",
    ],
)
def test_a_very_long_name_is_read_in_time(piece: str) -> None:
    """Broken sources have such, and nothing may take time with the square of a length."""
    many = piece * (100_000 // len(piece))
    began = time.process_time()

    compared(many, "Ada")
    compared(f"{many}x (live)", many)
    compared(f"Ada (b) {many}", f"{many}x")

    assert time.process_time() - began < 10
