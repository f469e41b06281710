"""Somebody's dump into an archive of one's own: from a disk, from a web server, cut, repeated, handed on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import publishing
import pyarrow.parquet as pq
import pytest
from publishing import CC0, VOLUME, dump_again, song, take, truth

import worlds
from lockgroove import archive
from lockgroove.archive import Archive
from lockgroove.campaigns import mirror
from lockgroove.errors import Refused
from lockgroove.report import Silence

# Dies at the given step: before or after a file is fetched, an event acknowledged, objects published.
CUT = """
import os, signal, sys
from lockgroove import archive, fetch
from lockgroove.archive import Archive
from lockgroove.campaigns import mirror
from lockgroove.journal import Journal
from lockgroove.report import Silence
from lockgroove.storage import LocalStorage
steps = 0
def step(function):
    def counted(*args, **more):
        global steps
        for half in (0, 1):
            result = function(*args, **more) if half else None
            steps += 1
            if steps == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
        return result
    return counted
offer = mirror.look(sys.argv[1], None)
if not os.path.exists(sys.argv[2]):
    archive.init(sys.argv[2]).close()
fetch.fetch, Journal.append = step(fetch.fetch), step(Journal.append)
LocalStorage.publish = step(LocalStorage.publish)
with Archive(sys.argv[2]) as opened:
    opened.mirror(offer, Silence())
print(steps)
"""


def tables(home: Path) -> dict[str, bytes]:
    with Archive(str(home)) as opened:
        public = Path(opened.refresh(Silence()).public)
    return {p.name: p.read_bytes() for p in sorted(public.iterdir()) if p.name != "ledger.parquet"}


def claims(home: Path) -> list[tuple[str, ...]]:
    with Archive(str(home)) as opened:
        return sorted(
            (r["kind"], r["source"], r["key"], r["stamp"], r["at"])
            for part in opened.store.parts()
            if not part.is_listens
            for r in opened.store.read(part)
        )


def test_a_mirror_from_a_path_has_the_signed_tables_and_audits_clean(dump: Path, tmp_path: Path) -> None:
    done = take(dump, tmp_path / "m")

    manifest = json.loads((dump / "manifest.json").read_text())
    assert done.tables_different == []
    assert (
        len(done.tables_equal) == len([f for f in manifest["files"] if f["path"].startswith("tables/")]) - 1
    )
    assert (done.objects, done.root) == (manifest["counts"]["objects"], manifest["root"])
    with Archive(str(tmp_path / "m")) as opened:
        assert opened.audit(Silence()).findings == []


def test_an_archives_folder_stands_for_its_newest_dump(publisher: Path, tmp_path: Path) -> None:
    newest = dump_again(publisher)

    offer = mirror.look(str(publisher), None)

    assert offer.origin.where == str(newest)


def test_a_mirror_from_nginx_is_the_same_as_from_a_path(
    served: tuple[str, Path], dump: Path, tmp_path: Path
) -> None:
    address, root = served
    shutil.copytree(dump, root / "a dump")

    done = take(f"{address}/a%20dump/", tmp_path / "web")
    take(dump, tmp_path / "disk")

    assert done.tables_different == []
    assert tables(tmp_path / "web") == tables(tmp_path / "disk")
    assert worlds.tree_below(tmp_path / "web", "vault") == worlds.tree_below(tmp_path / "disk", "vault")


def test_a_mirror_that_is_killed_again_and_again_comes_to_its_end(
    served: tuple[str, Path], dump: Path, tmp_path: Path
) -> None:
    """Each run dies a little later than the last; what the one acknowledged, the next does not do again."""
    address, root = served
    shutil.copytree(dump, root / "dump")
    where, target = f"{address}/dump", tmp_path / "m"

    codes = []
    for number in (3, 30, 40, 44, 47, 50, 52, 54, 56, 58, 60, 9):
        command = [sys.executable, "-c", CUT, where, str(target), str(number)]
        done = subprocess.run(command, capture_output=True, text=True)
        codes.append(done.returncode)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert codes.count(-signal.SIGKILL) > 6
    take(where, target)
    take(dump, tmp_path / "in one go")

    assert tables(target) == tables(tmp_path / "in one go")
    assert claims(target) == claims(tmp_path / "in one go")
    with Archive(str(target)) as opened:
        assert opened.audit(Silence()).findings == []


def test_mirroring_the_same_dump_again_brings_nothing_and_counts_no_listen_twice(
    dump: Path, tmp_path: Path
) -> None:
    first = take(dump, tmp_path / "m")
    before = tables(tmp_path / "m")
    again = take(dump, tmp_path / "m")

    assert first.fetched_bytes > 0
    assert (again.fetched_bytes, again.objects) == (0, 0)
    assert tables(tmp_path / "m") == before
    heard = pq.read_table(dump / "tables" / "recordings.parquet")["listens"].to_pylist()
    assert sum(heard) == 15


def test_a_later_dump_brings_only_what_is_new(publisher: Path, dump: Path, tmp_path: Path) -> None:
    take(dump, tmp_path / "m")
    files: dict[str | bytes, bytes] = {"New/01.flac": song(4000, title="New"), "New/LICENSE": CC0}
    with Archive(str(publisher)) as opened:
        opened.gather_folder(publishing.shelf(tmp_path / "more", files), None, False, Silence())
        opened.keep(Silence())
        later = Path(opened.dump(Silence(), VOLUME)[1])

    done = take(later, tmp_path / "m")

    old = {f["sha256"] for f in json.loads((dump / "manifest.json").read_text())["files"]}
    new = [f for f in json.loads((later / "manifest.json").read_text())["files"] if f["sha256"] not in old]
    assert done.fetched_bytes == sum(f["size"] for f in new)
    assert (done.objects, done.files) == (1, 1)  # the text of its licence is held already
    assert done.volumes_passed_over == len(list((later / "volumes").iterdir())) - 1
    assert done.tables_different == []


def test_a_mirror_of_a_mirror_has_the_same_tables(dump: Path, tmp_path: Path) -> None:
    take(dump, tmp_path / "m")
    second = dump_again(tmp_path / "m")

    done = take(second, tmp_path / "mm")

    assert done.tables_different == []
    assert tables(tmp_path / "mm") == {
        p.name: p.read_bytes() for p in sorted((dump / "tables").iterdir()) if p.name != "ledger.parquet"
    }
    for name in ("volumes.parquet", "listens.parquet"):
        assert (second / name).read_bytes() == (dump / name).read_bytes(), name
    assert (
        dict(publishing.everything_in(second))["claims.jsonl.zst, unpacked"]
        == (dict(publishing.everything_in(dump))["claims.jsonl.zst, unpacked"])
    )


def test_who_mirrors_an_archive_and_its_mirror_counts_no_listen_twice(dump: Path, tmp_path: Path) -> None:
    take(dump, tmp_path / "m")
    second = dump_again(tmp_path / "m")
    key = mirror.look(str(second), None).key.text()
    take(dump, tmp_path / "both")
    before = tables(tmp_path / "both")

    done = take(second, tmp_path / "both", key)

    assert done.objects == 0
    assert tables(tmp_path / "both") == before


def test_an_archive_that_mirrors_its_own_dump_stays_as_it_is(publisher: Path) -> None:
    before = tables(publisher)

    take(publisher / "dumps" / "000001", publisher)

    assert tables(publisher) == before


def test_another_key_is_refused_until_it_is_named(publisher: Path, dump: Path, tmp_path: Path) -> None:
    take(dump, tmp_path / "m")
    os.unlink(publisher / "keys" / "signing.key")
    (publisher / "keys" / "signing.key").write_bytes(b"8bytes..".ljust(40, b"k"))
    later = dump_again(publisher)
    before = truth(tmp_path / "m")
    key = mirror.look(str(later), None).key.text()

    with pytest.raises(Refused):
        take(later, tmp_path / "m")
    assert truth(tmp_path / "m") == before
    take(later, tmp_path / "m", key)
    take(later, tmp_path / "m")


def test_an_archive_restores_itself_from_a_mirror_with_its_files(dump: Path, tmp_path: Path) -> None:
    """What the mirror holds can be exported under the publisher's own names."""
    take(dump, tmp_path / "m")

    with Archive(str(tmp_path / "m")) as opened:
        done = opened.export([], "sha512 IS NOT NULL", str(tmp_path / "out"), True, Silence())

    assert done.damaged == done.missing == 0
    assert (tmp_path / "out" / "Album 0" / "LICENSE").read_bytes() == CC0
    assert os.path.exists(os.path.join(os.fsencode(tmp_path / "out"), b"\xc4lbum latin/01 caf\xe9.flac"))


def test_what_lies_in_the_target_already_stays(dump: Path, tmp_path: Path) -> None:
    mine = publishing.shelf(tmp_path / "mine", {"Mine/01.flac": song(title="Mine", artist="Me")})
    with archive.init(str(tmp_path / "m")) as opened:
        opened.gather_folder(mine, None, False, Silence())
        opened.keep(Silence())
    before = truth(tmp_path / "m")

    take(dump, tmp_path / "m")

    after = truth(tmp_path / "m")
    assert {k: v for k, v in after.items() if k in before and k.startswith("vault/")} == {
        k: v for k, v in before.items() if k.startswith("vault/")
    }
    assert all(after[k].startswith(v) for k, v in before.items())
