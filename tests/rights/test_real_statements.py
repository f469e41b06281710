"""Real statements: the Free Music Archive's, Wesnoth's tags, and credits beside sound files."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from lockgroove.rights import combine, read_statement

DATA = Path(__file__).parents[3] / "shared" / "data"

FMA = {
    "Attribution-Noncommercial-Share Alike 3.0 United States": ("open", "CC-BY-NC-SA-3.0-US"),
    "Attribution-NonCommercial-ShareAlike 3.0 International": ("open", "CC-BY-NC-SA-3.0"),
    "Attribution-NonCommercial-NoDerivatives (aka Music Sharing) 3.0 International": (
        "open",
        "CC-BY-NC-ND-3.0",
    ),
    "Attribution-Noncommercial-No Derivative Works 3.0 United States": ("open", "CC-BY-NC-ND-3.0-US"),
    "Attribution-Noncommercial-No Derivative Works 2.0 UK: England ": ("open", "CC-BY-NC-ND-2.0-UK"),
    "FMA-Limited: Download Only": ("closed", "InC"),
    "Attribution": ("open", "CC-BY-4.0"),  # by its address; the title alone is undecided
    "": ("none", None),
}
WESNOTH = [
    (["GPL"], "undecided"),
    (["GPL", "Doug Kaufman (C) 2007"], "undecided"),
    (["Aleksi Aubry-Carlson (C)2004"], "undecided"),
    ([], "none"),
]


def there(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is not here; it is test data outside the repository")
    return path


def fma_pairs() -> set[tuple[str, str]]:
    path = there(DATA / "fma-excerpt" / "raw_tracks_excerpt.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8", errors="surrogateescape", newline="") as lines:
        return {(row["license_title"], row["license_url"]) for row in csv.DictReader(lines)}


def test_every_licence_text_of_the_free_music_archive_has_the_expected_verdict() -> None:
    verdicts = {}
    for title, url in fma_pairs():
        verdict = combine([read_statement(f"{title} {url}", "source:fma")] if title or url else [])
        verdicts[title] = verdict.status, verdict.licence

    assert verdicts == FMA


def test_title_and_address_of_the_free_music_archive_never_contradict() -> None:
    for title, url in fma_pairs():
        named, addressed = read_statement(title, "source:fma"), read_statement(url, "source:fma")

        assert named.licence in (None, addressed.licence)


@pytest.mark.parametrize(("texts", "status"), WESNOTH)
def test_the_muddled_tags_of_wesnoth_stay_dark(texts: list[str], status: str) -> None:
    assert combine([read_statement(text, "tag:LICENSE") for text in texts]).status == status


@pytest.mark.parametrize(
    ("begin", "licence"),
    [("198-209", "CC-BY-4.0"), ("442789", "CC-BY-NC-3.0"), ("Karissa", "CC-BY-3.0"), ("Kevin", "CC-BY-3.0")],
)
def test_the_credits_beside_a_sound_file_are_understood(begin: str, licence: str) -> None:
    path = next(there(DATA / "audio-music-cc").glob(f"{begin}*.txt"))

    assert read_statement(path.read_text("utf-8"), f"file:{path.name}").licence == licence
