"""ListenBrainz's dumps: every listen counts once, and nobody is named."""

from __future__ import annotations

import io
import json
import lzma
import os
import random
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import zstandard
from gathered_dumps import SHARED, Gathered

from lockgroove.errors import UsageError
from lockgroove.model import ListenCount
from lockgroove.sources.listenbrainz import ListenBrainz
from lockgroove.testing.sources import Remembering, SourceContract

LISTENS = Path(__file__).parent.parent / "data" / "listens"
REAL = SHARED / "listenbrainz-samples"
MBID = "c7d0bf6e-b2aa-4ffa-bded-2448415b39b0"
OTHER = "7133862a-0fd3-4d1c-9cb6-3be5e051af13"
LISTENERS = ["Xavér-Quuxley", "Zo\u00eb Zyzzyva"]
JANUARY, FEBRUARY = 1704067200, 1706745600


def group_of(name: str) -> int:
    return sum(name.encode()) % 64


def listen(when: int = JANUARY, user: Any = 1, mbid: str | None = MBID, **more: Any) -> bytes:
    mapping = {"recording_mbid": mbid} if mbid else {}
    track = {"artist_name": "The Ferns", "track_name": "Moss", "mbid_mapping": mapping, **more}
    names = {"user_id": user} if isinstance(user, int) else {"user_name": user}
    return json.dumps({"listened_at": when, **names, "track_metadata": track}).encode()


def dump(
    folder: Path, number: int, kind: str, files: dict[str, bytes], packing: str = "zst", schema: str = "1"
) -> Path:
    """A dump as it is published."""
    stem = f"listenbrainz-listens-dump-{number}-20240301-000003-{kind}"
    out = io.BytesIO()
    about = {"SCHEMA_SEQUENCE": schema.encode(), "COPYING": b"CC0\n"}
    about |= {"TIMESTAMP": b"2024"} if kind == "full" else {"START_TIMESTAMP": b"2024", "END_TIMESTAMP": b""}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in {**about, **files}.items():
            member = tarfile.TarInfo(f"{stem}/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    data = out.getvalue()
    packed = {"zst": zstandard.compress, "xz": lzma.compress, "tar": bytes}[packing](data)
    path = folder / f"{stem}.tar.{packing}"
    path.write_bytes(packed)
    return path


def month(*listens: bytes) -> dict[str, bytes]:
    return {"listens/2024/1.listens": b"".join(line + b"\n" for line in listens)}


def source(scratch: Path, *paths: Path) -> ListenBrainz:
    (scratch / "scratch").mkdir(exist_ok=True)
    return ListenBrainz([os.fsencode(p) for p in paths], group_of, str(scratch / "scratch"))


def gather(scratch: Path, *paths: Path, known: Remembering | None = None) -> Gathered:
    """A harvest, remembered; nothing may be left in the scratch folder, and the counts add up."""
    known = known or Remembering()
    done = Gathered(source=source(scratch, *paths))
    for batch in done.source.batches(None, known):
        done.batches.append(batch)
        known.take(batch)
    assert os.listdir(scratch / "scratch") == []
    assert all(count.read == count.kept + count.refused for count in done.source.counts)
    return done


def total(done: Gathered) -> int:
    return sum(count.listens for count in done.listens)


def modes(done: Gathered) -> set[str]:
    return {batch.listens_mode for batch in done.batches if batch.listens}


class TestContract(SourceContract):
    @pytest.fixture
    def source(self, tmp_path: Path) -> ListenBrainz:
        return source(tmp_path, dump(tmp_path, 7, "full", month(listen(), listen(mbid=None), b"{")))


@pytest.mark.parametrize("packing", ["zst", "xz", "tar"])
def test_listens_are_counted_by_recording_month_and_group(tmp_path: Path, packing: str) -> None:
    lines = [listen(), listen(user=2), listen(user=2), listen(FEBRUARY, 2), listen(mbid=None)]
    path = dump(tmp_path, 7, "full", month(*lines), packing)

    done = gather(tmp_path, path)

    one, two = group_of("1"), group_of("2")
    assert sorted(done.listens, key=repr) == sorted(
        [
            ListenCount(f"mbid:{MBID}", "2024-01", one, 1, 1, 1),
            ListenCount(f"mbid:{MBID}", "2024-01", two, 2, 2, 1),
            ListenCount(f"mbid:{MBID}", "2024-02", two, 1, 1, 1),
            ListenCount("name:The Ferns\0Moss", "2024-01", one, 1, 1, 1),
        ],
        key=repr,
    )
    assert done.says("listened", f"mbid:{MBID}") == {
        "title": "Moss",
        "artist": "The Ferns",
        "recording_mbid": MBID,
    }
    assert modes(done) == {"replace"}
    assert done.source.full
    assert done.source.terms.metadata_licence == "CC0-1.0"


def test_what_the_listener_said_comes_before_what_was_guessed(tmp_path: Path) -> None:
    own = listen(mbid=MBID, additional_info={"recording_mbid": OTHER, "isrc": "GBAYE8100053"})
    by_isrc = listen(mbid=None, additional_info={"isrc": "gb-aye-81-00053"})
    odd = listen(mbid=None, additional_info={"recording_mbid": [OTHER], "isrc": 5, "tracknumber": {}})

    done = gather(tmp_path, dump(tmp_path, 7, "full", month(own, by_isrc, odd)))

    subjects = Counter({c.subject: c.listens for c in done.listens})
    assert subjects == {f"mbid:{OTHER}": 1, "isrc:GBAYE8100053": 1, "name:The Ferns\0Moss": 1}


def test_no_listener_is_in_what_comes_out_nor_on_the_disk(tmp_path: Path) -> None:
    lines = [listen(user=name) for name in LISTENERS] + [listen(user=LISTENERS[0])[:-9], b'{"x":"Quuxley"']
    path = dump(tmp_path, 7, "full", month(*lines))
    seen = b""
    batches = []

    for batch in source(tmp_path, path).batches(None, Remembering()):
        batches.append(batch)
        files = (p for p in (tmp_path / "scratch").rglob("*") if p.is_file())
        seen += b"".join(p.read_bytes() for p in files)

    told = repr(batches).encode() + seen
    assert b"Moss" in seen
    assert not [name for name in ("Quuxley", "Zyzzyva", "Xav") if name.encode() in told]


def test_malformed_listens_are_refused_where_they_stand(tmp_path: Path) -> None:
    lines = [
        listen(),
        b"{",
        listen(when=-5),
        listen(artist_name=None, mbid=None),
        b"[]",
        b'{"track_metadata":3,"listened_at":1704067200}',
        listen(track_name="a\0b", mbid=None),
        b"\xff\xfe",
        b'{"a":' * 5000,
        listen(track_name="x" * 2_000_000),
        listen(artist_name=True, track_name=7, mbid=None),
        listen(track_name="caf\udce9", mbid=None),
    ]
    path = dump(tmp_path, 7, "full", month(*lines))

    done = gather(tmp_path, path)

    places = [f.where.rpartition(":line ")[2] for f in done.findings]
    assert places == ["2", "5", "6", "8", "9", "10", "3", "4", "7"]
    assert all(path.name in f.where and "1.listens" in f.where for f in done.findings)
    (count,) = done.source.counts
    assert (count.read, count.kept, count.refused) == (12, 3, 9)
    assert total(done) == 3
    assert done.of("file")[path.name].body == {"name": path.name, "rows": 12, "refused": 9}


def test_a_dump_read_twice_counts_once(tmp_path: Path) -> None:
    known = Remembering()
    path = dump(tmp_path, 7, "full", month(listen()))
    gather(tmp_path, path, known=known)

    again = gather(tmp_path, path, known=known)

    assert (again.listens, again.claims) == ([], [])
    assert [batch.as_before for batch in again.batches] == [True]


def test_incremental_dumps_add_and_each_once(tmp_path: Path) -> None:
    known = Remembering()
    full = dump(tmp_path, 7, "full", month(listen()))
    first = dump(tmp_path, 8, "incremental", month(listen(user=2), listen(mbid=OTHER)))
    second = dump(tmp_path, 9, "incremental", month(listen(user=3)))
    gather(tmp_path, full, known=known)

    one = gather(tmp_path, first, known=known)
    both = gather(tmp_path, second, first, full, known=known)

    assert (total(one), modes(one), one.source.full) == (2, {"add"}, False)
    assert [claim.key for claim in one.claims if claim.kind == "listened"] == [f"mbid:{OTHER}"]
    assert (total(both), modes(both)) == (1, {"add"})
    assert {key.partition("\0")[2] for key in both.unchanged} >= {full.name, first.name}


def test_a_full_dump_with_later_ones_replaces_all_with_their_sum(tmp_path: Path) -> None:
    known = Remembering()
    old = dump(tmp_path, 6, "incremental", month(listen()))
    gather(tmp_path, old, known=known)
    full = dump(tmp_path, 7, "full", month(listen(), listen(user=2)))
    later = dump(tmp_path, 8, "incremental", month(listen(user=2)))

    done = gather(tmp_path, later, full, known=known)

    assert (total(done), modes(done)) == (3, {"replace"})


def test_an_incremental_dump_that_a_full_one_has_is_refused(tmp_path: Path) -> None:
    known = Remembering()
    full = dump(tmp_path, 700, "full", month(listen()))
    older = dump(tmp_path, 699, "incremental", month(listen()))
    newer = dump(tmp_path, 701, "incremental", month(listen()))

    with pytest.raises(UsageError, match="count twice"):
        gather(tmp_path, full, older, known=known)
    gather(tmp_path, full, known=known)
    with pytest.raises(UsageError, match=r"full dump 700, which is held"):
        gather(tmp_path, older, known=known)
    assert total(gather(tmp_path, newer, known=known)) == 1


def test_two_full_dumps_are_refused(tmp_path: Path) -> None:
    dumps = [dump(tmp_path, number, "full", month(listen())) for number in (7, 9)]

    with pytest.raises(UsageError, match="Two full dumps"):
        gather(tmp_path, *dumps)


def many() -> dict[str, bytes]:
    chance = random.Random(5)
    lines = [listen(user=n, track_name=f"{chance.random()}", mbid=None) for n in range(60_000)]
    return month(*lines)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_a_cut_dump_counts_for_nothing_and_the_whole_one_then_counts_once(tmp_path: Path, kind: str) -> None:
    known = Remembering()
    whole = dump(tmp_path, 7, kind, many())
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 3 // 4])
    other = dump(tmp_path, 8, "incremental", month(listen()))

    cut = gather(tmp_path, whole, other, known=known)
    whole.write_bytes(data)
    then = gather(tmp_path, whole, other, known=known)

    assert cut.codes["archive-truncated"] == 1
    assert total(cut) == (0 if kind == "full" else 1)
    assert cut.source.counts[0].refused == cut.source.counts[0].read > 30_000
    assert whole.name not in cut.of("file")
    assert total(then) == 60_001 if kind == "full" else 60_000


def test_another_schema_is_told_and_read_on(tmp_path: Path) -> None:
    done = gather(tmp_path, dump(tmp_path, 7, "full", month(listen()), schema="2"))

    assert [(f.code, f.detail) for f in done.findings] == [("schema-unknown", "schema 2, and known is 1")]
    assert total(done) == 1


def test_a_parquet_dump_is_read_from_its_tar(tmp_path: Path) -> None:
    files = {f"{n}.parquet": (LISTENS / "listenbrainz-dump.parquet").read_bytes() for n in range(2)}

    done = gather(tmp_path, dump(tmp_path, 7, "full", files, "tar"))
    alone = gather(tmp_path, LISTENS / "listenbrainz-dump.parquet")

    assert total(done) == 2 * total(alone) > 0
    assert Counter(c.subject for c in done.listens) == Counter(c.subject for c in alone.listens)


def test_a_broken_parquet_within_a_dump_breaks_the_dump(tmp_path: Path) -> None:
    data = (LISTENS / "listenbrainz-dump.parquet").read_bytes()
    files = {"0.parquet": data, "1.parquet": data[: len(data) // 2]}

    done = gather(tmp_path, dump(tmp_path, 7, "full", files, "tar"))

    assert (total(done), done.codes["archive-damaged"], done.of("file")) == (0, 1, {})


def test_real_listens_as_json_lines(tmp_path: Path) -> None:
    path = LISTENS / "listenbrainz.jsonl"

    done = gather(tmp_path, path)

    assert total(done) == len(path.read_bytes().splitlines()) - done.source.counts[0].refused > 0
    assert modes(done) == {"add"}


@pytest.mark.skipif(not REAL.is_dir(), reason="the samples of ListenBrainz are not here")
def test_the_real_parquet_dump_unpacked_in_a_folder(tmp_path: Path) -> None:
    done = gather(tmp_path, REAL / "spark" / "full-dump-1")

    assert (total(done), modes(done), done.source.counts[0].refused) == (68, {"replace"}, 0)
    assert {c.month for c in done.listens} <= {f"20{y}-{m:02}" for y in range(19, 24) for m in range(1, 13)}
