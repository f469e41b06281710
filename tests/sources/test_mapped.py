"""Somebody's own tables: what a mapping says, and what it says when it is wrong."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gathered_dumps import DUMPS, Gathered, gathered, resumed
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgroove.errors import UsageError
from lockgroove.model import ListenCount
from lockgroove.sources.mapped import Mapped
from lockgroove.testing.sources import Remembering, SourceContract

OWN = DUMPS / "mapped"
PLAIN = b'key = "id"\n\n[says]\ntitle = "title"\nartist = "artist"\nduration = "length"\n'


def mapped(path: Path, mapping: bytes) -> Mapped:
    return Mapped(os.fsencode(path), "shelf-0123456789abcdef", mapping, "map.toml")


def shop() -> Mapped:
    return mapped(OWN / "shop.csv", (OWN / "shop.toml").read_bytes())


def of(tmp_path: Path, data: bytes | str, mapping: bytes = PLAIN) -> Gathered:
    path = tmp_path / "table"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return gathered(mapped(path, mapping))


class TestContract(SourceContract):
    @pytest.fixture
    def source(self) -> Mapped:
        return shop()


def test_a_row_says_what_the_mapping_makes_of_it() -> None:
    done = gathered(shop())

    claim = done.of("recording")["A1"]
    assert claim.source == "shelf-0123456789abcdef"
    assert claim.says == {
        "title": "Moss",
        "artist": "The Ferns",
        "artists": [{"name": "The Ferns"}],
        "duration_ms": 272_000,
        "isrc": ["GBAYE8100053"],
        "release": {"title": "First Light"},
        "track_number": 3,
        "date": "2008-11-26",
        "year": 2008,
        "genre": ["Folk", "Field Recording"],
        "licences": [{"text": "CC-BY-4.0", "where": "the mapping"}],
    }
    assert done.body("recording", "A1")["ISRC"] == "gb-aye-81-00053"
    assert done.listens == [ListenCount("A1", "", -1, 120, 120, 0)]


def test_every_row_is_kept_or_refused_where_it_stands() -> None:
    done = gathered(shop())

    data = (OWN / "shop.csv").read_bytes()
    assert [(f.where, f.detail) for f in done.findings if f.code == "record-malformed"] == [
        (f"shop.csv record 1 at byte {data.index(b'A1')}", "11 columns where the header has 10"),
        (
            f"shop.csv record 5 at byte {data.index(b';No key')}",
            "a row without its key, or with one that is no short text",
        ),
    ]
    (count,) = done.source.counts
    assert (count.read, count.kept, count.refused) == (7, 5, 2)


def test_what_cannot_be_is_left_out_and_told() -> None:
    done = gathered(shop())

    assert done.says("recording", "A2") == {
        "title": "Spore; or\nthe second line",
        "artist": "The Ferns",
        "artists": [{"name": "The Ferns"}],
        "release": {"title": "First Light"},
        "track_number": 4,
        "licences": [{"text": "CC-BY-4.0", "where": "the mapping"}],
    }
    assert done.says("recording", "A3")["year"] == 2008
    assert "duration_ms" not in done.says("recording", "A3")
    assert done.codes == {
        "record-malformed": 2,
        "isrc-malformed": 1,
        "value-absurd": 3,
        "listen-malformed": 1,
        "listen-negative": 1,
    }


def test_documents_may_be_nested_and_anything_may_stand_anywhere() -> None:
    done = gathered(mapped(OWN / "nested.jsonl", (OWN / "nested.toml").read_bytes()))

    assert done.says("recording", "1") == {
        "title": "Moss",
        "artist": "The Ferns, Guest",
        "artists": [{"name": "The Ferns", "key": "7"}, {"name": "Guest", "key": "8"}],
        "duration_ms": 272_000,
        "isrc": ["GBAYE8100053", "QZABC2400001"],
    }
    assert done.says("recording", "2")["title"] == "Sp\ufffdre \ufffd"
    assert done.says("recording", "2")["artists"] == [{"name": "Solo", "key": "9"}]
    assert done.says("recording", "3") == {"duration_ms": 61_500}
    assert done.says("recording", "café") == {}
    assert done.codes["record-malformed"] == 2
    lines = (OWN / "nested.jsonl").read_bytes().splitlines()
    assert bytes(done.of("recording")["1"].body) == lines[0]
    assert bytes(done.of("recording")["2"].body) == lines[1]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    rows = [(f"k{n}", f"T{n}", f"A{n % 7}", n * 1000) for n in range(5000)]
    text = "id,title,artist,length\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    columns = dict(zip(["id", "title", "artist", "length"], zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=700)
    mapping = PLAIN.replace(b'"length"', b'{ column = "length", unit = "ms" }')

    parquet = gathered(mapped(tmp_path / "t.parquet", mapping))

    assert {k: c.says for k, c in parquet.of("recording").items()} == {
        k: c.says for k, c in of(tmp_path, text, mapping).of("recording").items()
    }
    assert parquet.body("recording", "k3") == {"id": "k3", "title": "T3", "artist": "A3", "length": 3000}


def test_parquet_of_any_type_is_kept_as_json(tmp_path: Path) -> None:
    columns = {
        "id": pa.array([1, 2]),
        "title": pa.array([b"Sp\x80re", None]),
        "date": pa.array([dt.date(2001, 2, 3), None]),
        "seen": pa.array([981173100_000000000, None], pa.timestamp("ns")),
        "ok": pa.array([True, False]),
        "nested": pa.array([{"name": "Moss", "all": [1, 2]}, None]),
        "share": pa.array([float("nan"), 0.5]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    mapping = b'key = "id"\n[says]\ntitle = "title"\ndate = "date"\nalbum = "nested.name"\n'

    done = gathered(mapped(tmp_path / "t.parquet", mapping))

    assert done.says("recording", "1") == {
        "title": "Sp\ufffdre",
        "date": "2001-02-03",
        "year": 2001,
        "release": {"title": "Moss"},
    }
    assert done.body("recording", "2") == {"id": 2, "ok": False, "share": 0.5}


@pytest.mark.parametrize("cut", [4, 100, 2000])
def test_a_broken_parquet_is_told_and_never_raised(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": [str(n**5) for n in range(3000)], "title": ["x"] * 3000}), path)
    data = bytearray(path.read_bytes())
    data[cut : cut + 50] = b"\xff" * 50
    path.write_bytes(data if cut > 4 else data[:500])

    done = gathered(mapped(path, b'key = "id"\n[says]\ntitle = "title"\n'))

    assert done.codes["archive-damaged"] == 1
    assert not done.of("file")


@pytest.mark.parametrize("kind", ["release", "artist", "label", "release-group"])
def test_every_kind_can_be_mapped(tmp_path: Path, kind: str) -> None:
    name = "name" if kind in ("artist", "label") else "title"
    mapping = f'kind = "{kind}"\nkey = ["id", "n"]\n[says]\n{name} = "what"\n'.encode()

    done = of(tmp_path, "id,n,what\nx,1,Moss\n", mapping)

    assert done.says(kind, "x\x001") == {name: "Moss"}


def test_ids_of_entities_are_said(tmp_path: Path) -> None:
    mbid = "c7d0bf6e-b2aa-4ffa-bded-2448415b39b0"
    mapping = (
        b'key="id"\n[says]\nrecording_mbid="m"\nartist="a"\nartist_mbid="m"\nrelease_mbid="m"\nbarcode="b"\n'
    )

    done = of(tmp_path, f"id,m,a,b\n1,{mbid},A,5 099-902 988054\n2,{mbid.upper()},A,none\n3,x,A,\n", mapping)

    assert done.says("recording", "1") == {
        "recording_mbid": mbid,
        "artist": "A",
        "artists": [{"name": "A", "mbid": mbid}],
        "release": {"mbid": mbid, "barcode": "5099902988054"},
    }
    assert done.says("recording", "2")["recording_mbid"] == mbid
    assert done.says("recording", "3") == {"artist": "A", "artists": [{"name": "A"}]}


@pytest.mark.parametrize(
    ("mapping", "line", "words"),
    [
        ("key = ", "", "not TOML"),
        ("", "", "names no key"),
        ('key = "id"', "", "says nothing"),
        ('kind = "song"\nkey = "id"\n[says]\ntitle="t"', "line 1", "There is no kind 'song'"),
        ('key = "id"\n[says]\n\ntitel = "title"', "line 4", "Is it “title”?"),
        ('key = "id"\n[says]\ntitle = 3', "line 3", "names no column"),
        (
            'key = "id"\n[says]\nduration = {column="length", unit="hour"}',
            "line 3",
            "There is no unit 'hour'",
        ),
        ('key = "id"\n[says]\ntitle = {colum="title"}', "line 3", "names no column"),
        ('key = "id"\n[says]\ntitle = {column="title", spilt=";"}', "line 3", "Is it “split”?"),
        ('key = "id"\n[says]\ntitle = "Title"', "line 3", "Is it “title”?"),
        ('key = "uid"\n[says]\ntitle = "title"', "line 1", "The columns are: id, title, artist, length."),
        ('key = "id"\n[file]\nencoding = "utf-88"\n[says]\ntitle="title"', "line 3", "There is no encoding"),
        ('key = "id"\n[file]\ndelimiter = "ab"\n[says]\ntitle="title"', "line 3", "one letter"),
        ('key = "id"\n[file]\nformat = "xlsx"\n[says]\ntitle="title"', "line 3", "csv, jsonl, parquet"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong_and_where(
    tmp_path: Path, mapping: str, line: str, words: str
) -> None:
    with pytest.raises(UsageError) as error:
        of(tmp_path, "id,title,artist,length\n1,T,A,3\n", mapping.encode())

    assert words in str(error.value)
    assert line in error.value.where
    assert error.value.where.startswith("map.toml")


def test_a_mapping_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        of(tmp_path, "id\n", b"key = '\xff'")


def test_a_column_that_only_some_documents_have_is_optional(tmp_path: Path) -> None:
    text = '{"id":1,"title":"Moss"}\n' * 5
    mapping = 'key = "id"\n[says]\ntitle = "title"\nisrc = {}\n'

    with pytest.raises(UsageError, match="no column “isrc”"):
        of(tmp_path, text, mapping.format('"isrc"').encode())
    assert of(tmp_path, text, mapping.format('{ column = "isrc", optional = true }').encode()).claims


def test_another_mapping_says_everything_anew(tmp_path: Path) -> None:
    known = Remembering()
    for batch in shop().batches(None, known):
        known.take(batch)
    mapping = (OWN / "shop.toml").read_bytes()

    same = gathered(shop(), known)
    other = gathered(mapped(OWN / "shop.csv", mapping.replace(b"CC-BY-4.0", b"CC0-1.0")), known)

    assert (same.claims, [batch.as_before for batch in same.batches]) == ([], [True])
    assert len(other.of("recording")) == 4


def test_a_repeated_key_that_says_something_else_is_told(tmp_path: Path) -> None:
    done = of(tmp_path, "id,title,artist,length\n1,T,A,3\n2,T,A,3\n1,T,A,3\n1,U,A,3\n")

    assert done.codes["record-repeated"] == 1
    assert done.says("recording", "1")["title"] == "U"


def test_other_encodings_and_packings_are_read(tmp_path: Path) -> None:
    import lzma

    text = "id\ttitle\tartist\tlength\n1\tПесня\tХор\t3\n"
    mapping = PLAIN + b'\n[file]\nencoding = "cp1251"\n'

    done = of(tmp_path, lzma.compress(text.encode("cp1251")), mapping)

    assert done.says("recording", "1")["title"] == "Песня"


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_harvest_goes_on_where_it_was_cut(tmp_path: Path, after: int) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,title,artist,length\n" + "".join(f"{n},T{n},A,{n}\n" for n in range(7000)))

    whole = [(c.kind, c.key, c.stamp) for c in gathered(mapped(path, PLAIN)).claims]

    assert [(c.kind, c.key, c.stamp) for c in resumed(mapped(path, PLAIN), after)] == whole


def test_a_record_of_ten_megabytes_and_deep_nesting_do_no_harm(tmp_path: Path) -> None:
    big = json.dumps({"id": "big", "title": "x" * 10_000_000, "artist": "A", "length": 1})
    deep = '{"id":"deep","title":' + "[" * 100_000 + "]" * 100_000 + "}"

    done = of(tmp_path, "\n".join([big, deep, '{"id":"after","title":"T","artist":"A","length":1}']))

    assert set(done.of("recording")) == {"big", "after"}
    assert done.codes["record-malformed"] == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
MAPPING = (
    b'key="id"\n[says]\ntitle="title"\nartist={column="artist",split=","}\nartist_key="k"\nduration="length"\n'
    b'isrc="isrc"\nalbum="album.name"\ndate="date"\ngenre="genre"\nlicence="licence"\nlistens="plays"\n'
    b'barcode="barcode"\ntrack_number="n"\nrecording_mbid="mbid"\n'
)
NAMES = "title artist k length isrc album date genre licence plays barcode n mbid".split()


@settings(max_examples=60)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("id", *NAMES), JSON)), min_size=1, max_size=5))
def test_whatever_documents_hold_they_are_kept_or_refused(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, Any]]
) -> None:
    text = "\n".join(json.dumps(document) for document in documents)

    done = of(tmp_path_factory.mktemp("own"), text, MAPPING)

    (count,) = done.source.counts
    assert count.read == len(documents) + 1
    for claim in done.claims:
        if claim.kind == "recording":
            assert isinstance(claim.body, msgspec.Raw)
            assert json.loads(bytes(claim.body)) in documents


@settings(max_examples=60)
@given(st.lists(st.lists(st.text(max_size=12), min_size=14, max_size=14), min_size=1, max_size=6))
def test_whatever_cells_hold_they_are_kept_or_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    out = io.StringIO()
    header = ["id", *NAMES]
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [header, *([str(n), *row[1:]] for n, row in enumerate(rows))]
    )
    data = out.getvalue().encode("utf-8", "surrogatepass")

    done = of(tmp_path_factory.mktemp("own"), data, MAPPING.replace(b"album.name", b"album"))

    assert len(done.of("recording")) == len(rows)
