"""Generated catalogues: what their claims look like, and whether the truth told of them is true."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgroove.catalogue.claims import LISTEN_SCHEMA, records_of
from lockgroove.catalogue.claims.packs import pack_of
from lockgroove.journal import canonical
from lockgroove.testing.generated import DIFFERENCES, Catalogue, Lines, parquet

CATALOGUE = Catalogue(60_000, seed=3, part_records=15_000)


class World:
    """A whole catalogue, read back from its lines: claims and truth by (source, key)."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.made = [catalogue.make(part) for part in catalogue.parts()]
        self.lines = [
            (s, line) for made in self.made for s, lines in made.lines_by_source.items() for line in lines
        ]
        self.claims = {}
        for _, line in self.lines:
            claim = json.loads(line)
            self.claims[claim["source"], claim["key"]] = claim
        self.truth = [row for made in self.made for row in made.truth.to_pylist()]
        self.firsts = {
            row["recording_truth"]: self.claims[row["source"], row["key"]]
            for row in self.truth
            if row["resembles"] != row["recording_truth"]
        }

    def pairs(self, difference: str):
        """What the claims of that difference say, beside what the claim says that they were made like."""
        for row in self.truth:
            if row["difference"] == difference:
                yield (
                    self.claims[row["source"], row["key"]]["says"],
                    self.firsts[row["resembles"]]["says"],
                    row,
                )


@pytest.fixture(scope="module")
def world() -> World:
    return World(CATALOGUE)


def test_every_line_is_canonical(world):
    for _, line in world.lines:
        assert canonical(json.loads(line)) + b"\n" == line


def test_a_claim_says_nothing_that_is_empty(world):
    for claim in world.claims.values():
        told = [*claim["says"].values(), *claim["says"]["release"].values()]
        assert all(value not in ("", None, []) for value in told)
        assert claim["kind"] == "recording"
        assert {"title", "artist", "artists", "release", "track_number", "medium_number"} <= set(
            claim["says"]
        )


def test_a_pack_takes_the_lines_as_they_are(world, tmp_path):
    lines = world.made[0].lines_by_source["discogs"]
    path = tmp_path / "pack"

    path.write_bytes(pack_of(list(lines)))

    with path.open("rb") as pack:
        read = [record["key"] for record in records_of(pack)]
    assert read == [json.loads(line)["key"] for line in lines]


def test_keys_are_given_once(world):
    assert len(world.claims) == len(world.lines) == CATALOGUE.tracks


def test_every_claim_has_its_truth(world):
    assert Counter((row["source"], row["key"]) for row in world.truth) == Counter(list(world.claims))


def test_sources_and_further_claims_have_their_shares(world):
    sources = Counter(row["source"] for row in world.truth)
    further = sum(row["resembles"] == row["recording_truth"] for row in world.truth)
    alike = sum(row["difference"].startswith("not-") for row in world.truth)

    assert sources["catalogue-a"] / CATALOGUE.tracks == pytest.approx(0.80, abs=0.02)
    assert sources["musicbrainz"] / CATALOGUE.tracks == pytest.approx(0.12, abs=0.02)
    assert sources["discogs"] / CATALOGUE.tracks == pytest.approx(0.08, abs=0.02)
    assert further / CATALOGUE.tracks == pytest.approx(0.20, abs=0.02)
    assert alike / CATALOGUE.tracks == pytest.approx(0.03, abs=0.01)


def test_a_recording_is_claimed_first_once(world):
    firsts = Counter(
        row["recording_truth"] for row in world.truth if row["resembles"] != row["recording_truth"]
    )

    assert set(firsts.values()) == {1}
    assert {row["recording_truth"] for row in world.truth} == set(firsts)


def test_further_claims_refer_to_other_parts_too(world):
    size = CATALOGUE.part_records
    apart = Counter(
        number - row["recording_truth"] // size
        for number, made in enumerate(world.made)
        for row in made.truth.to_pylist()
    )
    assert min(apart) == 0
    assert len(apart) >= 3


def test_what_joins_is_what_the_claims_share(world):
    for row in world.truth:
        if row["resembles"] is not None:
            claim = world.claims[row["source"], row["key"]]["says"]
            first = world.firsts[row["resembles"]]["says"]
            assert row["shares_isrc"] == bool(set(claim.get("isrc", [])) & set(first.get("isrc", [])))
            mbids = claim.get("recording_mbid"), first.get("recording_mbid")
            assert row["shares_mbid"] == (None not in mbids and mbids[0] == mbids[1])


def test_isrcs_are_well_formed_and_of_one_recording(world):
    recordings = defaultdict(set)
    for row in world.truth:
        if not row["difference"].startswith("not-"):
            for isrc in world.claims[row["source"], row["key"]]["says"].get("isrc", []):
                assert re.fullmatch(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}", isrc)
                recordings[isrc].add(row["recording_truth"])

    assert {len(of) for of in recordings.values()} == {1}
    assert 0.55 < sum("isrc" in c["says"] for c in world.claims.values()) / CATALOGUE.tracks < 0.75


def test_barcodes_have_their_check_digit(world):
    codes = {c["says"]["release"].get("barcode") for c in world.claims.values()} - {None}

    assert codes
    for code in codes:
        assert (sum(map(int, code[::2])) + 3 * sum(map(int, code[1::2]))) % 10 == 0


def test_scripts_are_mixed(world):
    titles = "".join(claim["says"]["title"] for claim in world.claims.values())

    names = {unicodedata.name(c).split()[0] for c in set(titles) if c.isalpha()}

    assert {"LATIN", "CYRILLIC", "HIRAGANA", "CJK", "HANGUL", "ARABIC", "GREEK", "HEBREW", "THAI"} <= names


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum() or unicodedata.category(c).startswith("M"))


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _names(says) -> tuple[str, str]:
    return says["title"], says["artist"]


def _normal(says, respell) -> tuple[str, ...]:
    return tuple(respell(text) for text in _names(says))


def _apart(one, other) -> int:
    return abs(one["duration_ms"] - other["duration_ms"])


# What must hold of the two claims for each difference. Sources' own rounding adds up to 0.5 s on each side.
HOLDS = {
    "exact": lambda a, b: _names(a) == _names(b) and _apart(a, b) <= 1_400,
    "case": lambda a, b: _names(a) != _names(b) and _normal(a, str.casefold) == _normal(b, str.casefold),
    "width": lambda a, b: _names(a) != _names(b) and _normal(a, _nfkc) == _normal(b, _nfkc),
    "nfd": lambda a, b: _names(a) != _names(b)
    and _normal(a, lambda t: unicodedata.normalize("NFC", t)) == _names(b),
    "diacritics": lambda a, b: _names(a) != _names(b) and _normal(a, _bare) == _normal(b, _bare),
    "punctuation": lambda a, b: _names(a) != _names(b) and _normal(a, _letters) == _normal(b, _letters),
    "typo": lambda a, b: _names(a) != _names(b)
    and all(abs(len(x) - len(y)) <= 2 for x, y in zip(_names(a), _names(b), strict=True)),
    "duration-2s": lambda a, b: _names(a) == _names(b) and 0 < _apart(a, b) <= 2_400,
    "duration-7s": lambda a, b: _names(a) == _names(b) and 1_600 <= _apart(a, b) <= 7_400,
    "isrc-missing": lambda a, b: _names(a) == _names(b) and "isrc" not in a and "isrc" in b,
    "isrc-other": lambda a, b: _names(a) == _names(b) and not set(a["isrc"]) & set(b["isrc"]),
    "duration-missing": lambda a, b: _names(a) == _names(b) and "duration_ms" not in a,
    "several": lambda a, b: a["title"].casefold() == b["title"].casefold() and "isrc" not in a,
    "credit-order": lambda a, b: a["artist"].split(" & ") == b["artist"].split(" & ")[::-1],
    "the": lambda a, b: a["artist"] != b["artist"] and b["artist"].startswith("The "),
    "feat-moved": lambda a, b: _names(a) != _names(b) and _apart(a, b) <= 1_400,
    "transliteration": lambda a, b: _names(a) != _names(b) and a["artist"].isascii(),
    "not-version": lambda a, b: a["title"] != b["title"] and a["artist"] == b["artist"],
    "not-version-same-isrc": lambda a, b: a["title"] != b["title"] and a["isrc"] == b["isrc"],
    "not-part": lambda a, b: re.search(r"(Pt\.|Part) \d", a["title"]) and a["title"] != b["title"],
    "not-same-isrc": lambda a, b: _names(a) != _names(b) and a["isrc"] == b["isrc"],
    "not-same-isrc-duration": lambda a, b: a["isrc"] == b["isrc"] and _apart(a, b) <= 3_500,
    "not-same-names": lambda a, b: _names(a) == _names(b)
    and _apart(a, b) > max(10_000, 0.05 * b["duration_ms"])
    and not set(a.get("isrc", ())) & set(b.get("isrc", ())),
    "not-same-names-same-isrc": lambda a, b: _names(a) == _names(b)
    and a["isrc"] == b["isrc"]
    and _apart(a, b) > max(10_000, 0.05 * b["duration_ms"]),
    "not-cover": lambda a, b: a["title"] == re.sub(r" \(feat\. .*?\)", "", b["title"])
    and a["artists"][0] != b["artists"][0],
}  # fmt: skip


@pytest.mark.parametrize("difference", HOLDS)
def test_a_difference_is_what_it_is_called(world, difference):
    pairs = list(world.pairs(difference))

    wrong = [(_names(a), _names(b)) for a, b, _ in pairs if not HOLDS[difference](a, b)]

    assert len(pairs) >= 10
    assert not wrong


def test_lookalikes_are_never_of_the_same_recording(world):
    for row in world.truth:
        if row["difference"].startswith("not-"):
            assert row["resembles"] != row["recording_truth"]


def test_a_placeholder_isrc_is_on_many_tracks(world):
    isrcs = Counter(
        isrc
        for row in world.truth
        if row["difference"] == "not-placeholder-isrc"
        for isrc in world.claims[row["source"], row["key"]]["says"].get("isrc", [])
    )
    assert max(isrcs.values()) > 50
    assert len(isrcs) == 1


def test_all_differences_are_known_and_checked(world):
    assert set(HOLDS) | {"first", "not-placeholder-isrc"} == {row["difference"] for row in world.truth}
    assert {row["difference"] for row in world.truth} <= set(DIFFERENCES)


def test_a_third_of_the_tracks_has_nearly_all_listens():
    catalogue = Catalogue(400_000, seed=5)
    tables = [t for part in catalogue.parts() for t in catalogue.make(part).listens_by_source.values()]
    listens = np.sort(pa.concat_tables(tables)["listens"].to_numpy())[::-1]

    held = np.cumsum(listens) / listens.sum()

    assert np.searchsorted(held, 0.996) / catalogue.tracks == pytest.approx(0.333, abs=0.012)


def test_listens_are_as_claims_have_them(world):
    for made in world.made:
        for source, table in made.listens_by_source.items():
            assert table.schema == LISTEN_SCHEMA
            assert pq.read_table(pa.BufferReader(parquet(table))).num_rows == table.num_rows
            assert all((source, key) in world.claims for key in table["subject"].to_pylist()[:100])


def test_listens_by_group_add_up_to_the_totals():
    catalogue = Catalogue(5_000, seed=4)
    grouped = Catalogue(5_000, seed=4, grouped_share=0.2)
    totals, sums = Counter(), Counter()
    for part in catalogue.parts():
        for made, into in ((catalogue.make(part), totals), (grouped.make(part), sums)):
            for table in made.listens_by_source.values():
                for row in table.to_pylist():
                    into[row["source"], row["subject"]] += row["listens"]
                    assert (row["listener_group"] == -1) == (row["month"] == "")
                    assert row["listener_group"] < 64
                    assert row["capped_listens"] <= row["listens"]

    assert totals == sums


def test_a_part_is_the_same_in_another_process_and_order():
    """Whoever makes it, and whatever was made before."""
    code = (
        "import hashlib,pickle,sys;c=pickle.load(sys.stdin.buffer);p=list(c.parts())[2];m=c.make(p);"
        "print(hashlib.sha256(b''.join(l.data for l in m.lines_by_source.values())).hexdigest())"
    )
    catalogue = Catalogue(30_000, seed=9, part_records=10_000)

    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(catalogue), capture_output=True, check=True
    )

    made = [catalogue.make(part) for part in catalogue.parts()]
    here = hashlib.sha256(b"".join(lines.data for lines in made[2].lines_by_source.values())).hexdigest()
    assert done.stdout.decode().strip() == here


def test_another_seed_gives_another_catalogue():
    one, other = (Catalogue(500, seed=seed) for seed in (1, 2))
    part = next(iter(one.parts()))

    assert (
        one.make(part).lines_by_source["catalogue-a"].data
        != other.make(part).lines_by_source["catalogue-a"].data
    )


@pytest.mark.parametrize("tracks", [1, 2, 37, 999, 1_001])
def test_any_size_has_as_many_claims(tracks):
    catalogue = Catalogue(tracks, part_records=500)

    made = [catalogue.make(part) for part in catalogue.parts()]

    assert sum(len(lines) for m in made for lines in m.lines_by_source.values()) == tracks
    assert sum(m.truth.num_rows for m in made) == tracks


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"") + b"\n")), st.integers(1, 60))
def test_frames_are_whole_lines_within_their_size(texts, bytes_max):
    lines = Lines(b"".join(texts), np.cumsum([len(text) for text in texts], dtype=np.int64))

    frames = list(lines.frames(bytes_max))

    assert b"".join(frames) == lines.data
    assert list(lines) == texts
    assert all(frame.endswith(b"\n") for frame in frames)
    assert all(len(frame) <= bytes_max or frame.count(b"\n") == 1 for frame in frames)


@pytest.fixture(scope="module")
def later():
    """A later harvest of the same catalogue: its claims, and its parts."""
    changes = CATALOGUE.changes(0.1, seed=11, harvest="later", at="2025-12-01T00:00:00.000000Z")
    made = [changes.make(part) for part in changes.parts()]
    lines = [line for m in made for of in m.lines_by_source.values() for line in of]
    assert all(canonical(json.loads(line)) + b"\n" == line for line in lines)
    return [json.loads(line) for line in lines], made


def test_as_many_as_asked_for(later):
    assert len(later[0]) / CATALOGUE.tracks == pytest.approx(0.1, abs=0.01)


def test_what_is_changed_says_something_else(world, later):
    known = [c for c in later[0] if c["kind"] == "recording" and (c["source"], c["key"]) in world.claims]

    assert len(known) / len(later[0]) == pytest.approx(0.7, abs=0.05)
    for claim in known:
        before = world.claims[claim["source"], claim["key"]]
        assert claim["stamp"] != before["stamp"]
        assert claim["says"] != before["says"]
        assert claim["body"] != before["body"]


def test_new_claims_were_not_there_before(world, later):
    new = [c for c in later[0] if c["kind"] == "recording" and (c["source"], c["key"]) not in world.claims]

    assert len(new) == round(CATALOGUE.tracks * 0.1 * 0.2)


def test_what_is_gone_was_there_and_is_not_changed_too(world, later):
    gone = {(c["source"], c["key"].removeprefix("recording\0")) for c in later[0] if c["kind"] == "withdrawn"}
    rest = {(c["source"], c["key"]) for c in later[0] if c["kind"] == "recording"}

    assert len(gone) / len(later[0]) == pytest.approx(0.1, abs=0.03)
    assert gone <= set(world.claims)
    assert not gone & rest


def test_the_truth_stays_what_it_was(world, later):
    before = {(row["source"], row["key"]): row["recording_truth"] for row in world.truth}

    after = [row for made in later[1] for row in made.truth.to_pylist()]

    assert len(after) == sum(claim["kind"] == "recording" for claim in later[0])
    for row in after:
        key = row["source"], row["key"]
        assert row["difference"].startswith("changed-") == (key in before)
        assert before.get(key, row["recording_truth"]) == row["recording_truth"]
