"""Names spelled again in known ways: kinds of difference between two names of one recording, or of two."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lockgroove.catalogue.names import fold, romanised

EACH_MAX = 2_000


class Song(NamedTuple):
    title: str
    artist: str


class Kind(NamedTuple):
    """A way in which the second spelling differs; `again` is None where it does not apply to a song."""

    name: str
    one: bool
    again: Callable[[Song, random.Random], Song | tuple[Song, Song] | None]


def pairs_of(kind: Kind, known: list[Song]) -> Iterator[tuple[Song, Song]]:
    rng = random.Random(kind.name)
    found = 0
    for song in rng.sample(known, len(known)):
        made = kind.again(song, rng)
        if made is None:
            continue
        yield (song, made) if isinstance(made, Song) else made
        found += 1
        if found == EACH_MAX:
            return


# --- the same recording, spelled again ---


def on_both(change: Callable[[str], str]) -> Callable[[Song, random.Random], Song | None]:
    def again(song: Song, _: random.Random) -> Song | None:
        made = Song(change(song.title), change(song.artist))
        return made if made != song else None

    return again


def on_title(change: Callable[[str], str | None]) -> Callable[[Song, random.Random], Song | None]:
    def again(song: Song, _: random.Random) -> Song | None:
        title = change(song.title)
        return Song(title, song.artist) if title and title != song.title else None

    return again


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def without_accents(text: str) -> str:
    """As people type who have no such keys, in Latin, Greek and Cyrillic letters. й has a key of its own."""
    plain = text.translate(str.maketrans("øØđĐłŁı", "oOdDlLi")).replace("ß", "ss")
    apart = unicodedata.normalize("NFD", plain)
    plain = "".join(c for c in apart.replace("и\u0306", "й") if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", plain)


def other_signs(text: str) -> str:
    for sign, other in (
        ("'", "’"),
        ("-", " "),
        (",", ""),
        (".", ""),
        ("!", ""),
        ("?", ""),
        ("...", "…"),
        ("/", " / "),
    ):
        text = text.replace(sign, other)
    return text


def closed_up(text: str) -> str:
    return re.sub(
        r"(?<!\bthe)(?<!\band)(?<=[a-z]{3})[- ](?!the\b|and\b|feat)(?=[a-z]{3})",
        "",
        text,
        count=1,
        flags=re.I,
    )


def and_spelled(text: str) -> str:
    swapped = re.sub(r"\s&\s", " and ", text)
    return swapped if swapped != text else re.sub(r"\s[aA]nd\s", " & ", text)


def article(song: Song, rng: random.Random) -> Song | None:
    if song.artist.lower().startswith("the ") and "&" not in song.artist:
        return Song(song.title, rng.choice([song.artist[4:], f"{song.artist[4:]}, The"]))
    return None


def credit_order(song: Song, rng: random.Random) -> tuple[Song, Song] | None:
    guest = rng.choice(GUESTS)
    a, b = rng.sample([" & ", ", ", " and ", " feat. ", " / ", " x ", " with ", " featuring ", "; "], 2)
    return Song(song.title, f"{song.artist}{a}{guest}"), Song(song.title, f"{guest}{b}{song.artist}")


def guest_moved(song: Song, rng: random.Random) -> tuple[Song, Song] | None:
    guest = rng.choice(GUESTS)
    form = rng.choice(["{} (feat. {})", "{} [ft. {}]", "{} feat. {}", "{} - Featuring {}", "{} (Feat {})"])
    return Song(song.title, f"{song.artist} feat. {guest}"), Song(form.format(song.title, guest), song.artist)


def brackets(song: Song, rng: random.Random) -> tuple[Song, Song]:
    said = rng.choice(
        ["Live", "Live at Wembley", "Acoustic", "Instrumental", "Demo", "Radio Edit", "Club Mix"]
    )
    one, other = rng.sample(["{} ({})", "{} - {}", "{} [{}]", "{} – {}", "{}（{}）"], 2)
    return Song(one.format(song.title, said), song.artist), Song(other.format(song.title, said), song.artist)


SYNONYMS = (
    ("2011 Remaster", "Remastered 2011", "2011 Remastered Version", "2011 Digital Remaster"),
    ("Live", "En Vivo", "Ao Vivo", "Live Version", "ライブ", "концерт", "Dal Vivo"),
    ("Acoustic", "Acoustic Version", "Acústico", "акустика", "Acoustique"),
    ("Instrumental", "Inst.", "Instrumental Version", "Off Vocal"),
    ("A Cappella", "Acapella", "Acappella"),
    ("Karaoke", "Karaoke Version", "カラオケ", "караоке"),
    ("Part 2", "Pt. 2", "Part II", "Pt.II", "Part Two", "Teil 2"),
    ("No. 3", "#3", "Nr. 3", "№ 3"),
)


def synonyms(song: Song, rng: random.Random) -> tuple[Song, Song]:
    one, other = rng.sample(rng.choice(SYNONYMS), 2)
    return Song(f"{song.title} ({one})", song.artist), Song(f"{song.title} ({other})", song.artist)


def marks(song: Song, rng: random.Random) -> Song:
    return Song(
        rng.choice(
            [
                "{} (Album Version)",
                "{} [Explicit]",
                "{} (Original Mix)",
                "{} (Official Video)",
                "{} - Original Version",
            ]
        ).format(song.title),
        song.artist,
    )


def place(song: Song, rng: random.Random) -> Song:
    number = rng.randrange(1, 20)
    return Song(rng.choice([f"{number:02} - {song.title}", f"{song.artist} - {song.title}"]), song.artist)


CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya".split(" "),
        strict=True,
    )
)


def cyrillic(song: Song, _: random.Random) -> Song | None:
    """By the plain scheme that passports and song lists use; it is not the one within the program."""
    made = Song(*("".join(CYRILLIC.get(c, c) for c in text.lower()) for text in song))
    return made if made.title != song.title.lower() and made.artist != song.artist.lower() else None


def latin_letters(song: Song, _: random.Random) -> Song | None:
    """By the program's own transliteration, which shows what else goes wrong; no other scheme is tried."""
    return (
        Song(romanised(song.title), romanised(song.artist))
        if not (song.title + song.artist).isascii()
        else None
    )


def typo(song: Song, rng: random.Random) -> Song | None:
    letters = [n for n, c in enumerate(song.title) if c.isalpha()]
    if len(letters) < 6:
        return None
    at = rng.choice(letters[1:])
    title = song.title
    swapped = title[:at] + rng.choice(["", title[at] * 2, "e"]) + title[at + 1 :]
    return Song(swapped, song.artist) if fold(swapped) != fold(title) else None


# --- another recording ---


def version_added(said: Iterable[str]) -> Callable[[Song, random.Random], Song | None]:
    forms = list(said)

    def again(song: Song, rng: random.Random) -> Song | None:
        said = rng.choice(forms)
        return None if re.search(r"[(\[]| - ", song.title) else Song(f"{song.title} ({said})", song.artist)

    return again


def number_changed(song: Song, rng: random.Random) -> tuple[Song, Song]:
    one, other = rng.sample(range(1, 30), 2)
    form = rng.choice(["{}, Pt. {}", "{} No. {}", "{} {}", "{} (Take {})", "{} ({} Remaster)"])
    return Song(form.format(song.title, one), song.artist), Song(form.format(song.title, other), song.artist)


def guest_added(song: Song, rng: random.Random) -> Song:
    return Song(f"{song.title} (feat. {rng.choice(GUESTS)})", song.artist)


def place_changed(song: Song, rng: random.Random) -> tuple[Song, Song]:
    one, other = rng.sample(["Live at Wembley", "Live in Rio", "Live", "Live 1988", "Live at Leeds"], 2)
    return Song(f"{song.title} ({one})", song.artist), Song(f"{song.title} ({other})", song.artist)


def remixer_changed(song: Song, rng: random.Random) -> tuple[Song, Song]:
    one, other = rng.sample(GUESTS, 2)
    return Song(f"{song.title} ({one} Remix)", song.artist), Song(
        f"{song.title} ({other} Remix)", song.artist
    )


def word_changed(song: Song, rng: random.Random) -> Song | None:
    words = song.title.split()
    if len(words) < 2:
        return None
    at = rng.randrange(len(words))
    words[at] = rng.choice(["Love", "Night", "Blue", "Tomorrow", "Stone"])
    changed = " ".join(words)
    return Song(changed, song.artist) if fold(changed) != fold(song.title) else None


GUESTS = ["Ada Quill", "Björn Ek", "Los Nortes", "MC Ramp", "Дарья", "Yuki Mori", "J. P. Stone", "The Larks"]
KINDS = (
    Kind("case", True, on_both(str.upper)),
    Kind("full width", True, on_both(full_width)),
    Kind("decomposed", True, on_both(lambda text: unicodedata.normalize("NFD", text))),
    Kind("accents left out", True, on_both(without_accents)),
    Kind("punctuation", True, on_both(other_signs)),
    Kind("words closed up", True, on_title(closed_up)),
    Kind("& or and", True, on_both(and_spelled)),
    Kind("The of an artist", True, article),
    Kind("credit order and joint", True, credit_order),
    Kind("guest moved", True, guest_moved),
    Kind("brackets or dash", True, brackets),
    Kind("version said otherwise", True, synonyms),
    Kind("mark that tells nothing", True, marks),
    Kind("track number or artist in title", True, place),
    Kind("Cyrillic in a plain scheme", True, cyrillic),
    Kind("Latin letters by anyascii", True, latin_letters),
    Kind("one typo", True, typo),
    Kind("live added", False, version_added(["Live", "En Vivo", "Live in Berlin", "ライブ"])),
    Kind(
        "remix or edit added",
        False,
        version_added(["Remix", "Radio Edit", "Extended Mix", "Ada Remix", "Dub"]),
    ),
    Kind("remaster added", False, version_added(["2011 Remaster", "Remastered"])),
    Kind(
        "karaoke, instrumental, cover added",
        False,
        version_added(["Karaoke", "Inst.", "Cover", "A Cappella"]),
    ),
    Kind(
        "acoustic, demo, reprise, slowed added",
        False,
        version_added(["Acoustic", "Demo", "Reprise", "Slowed"]),
    ),
    Kind("number changed", False, number_changed),
    Kind("guest added", False, guest_added),
    Kind("place of a concert changed", False, place_changed),
    Kind("remixer changed", False, remixer_changed),
    Kind("one word changed", False, word_changed),
)
