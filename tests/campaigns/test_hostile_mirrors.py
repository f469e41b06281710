"""Mirrors that lie, and publishers who sign what nobody should: refused by name, and nothing taken in."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forging
import publishing
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from publishing import CC0, shelf, song, take, truth

import worlds
from lockgroove.archive import Archive
from lockgroove.campaigns import mirror
from lockgroove.catalogue.claims import LISTEN_SCHEMA
from lockgroove.errors import FormatUnknown, Unavailable, UsageError, VerificationFailed
from lockgroove.report import Silence

FILES = [
    "manifest.json", "manifest.json.minisig", "lockgroove.pub", "README.txt", "claims.jsonl.zst",
    "listens.parquet", "decisions.jsonl", "matches.jsonl", "volumes.parquet", "volumes/000001.tar",
    "tables/keys.bin",
    "tables/dictionary.json", *(f"tables/{name}.parquet" for name in (
        "artists", "releases", "recordings", "tracks", "files", "copies", "holdings", "rights", "listens",
        "matches", "ledger", "release_groups", "labels")),
]  # fmt: skip


def refused(source: Path | str, target: Path, kind: type[Exception] = VerificationFailed) -> str:
    """What the refusal says. Nothing may have come in."""
    before = truth(target)
    with pytest.raises(kind) as caught:
        take(source, target)
    assert truth(target) == before
    return f"{caught.value} {getattr(caught.value, 'where', '')}"


def test_every_file_of_a_dump_is_tried_below(plain_dump: Path) -> None:
    assert set(publishing.files_of(plain_dump)) == {*FILES, "SHA256SUMS"}


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_by_name(plain_dump: Path, empty: Path, name: str) -> None:
    path = plain_dump / name
    if not path.stat().st_size:
        pytest.skip("an empty file has no bit to flip")
    worlds.flip(path)

    said = refused(plain_dump, empty)

    assert name in said or name in (
        "manifest.json.minisig",
        "lockgroove.pub",
    )  # then the signature is at odds
    assert str(plain_dump) in said


@pytest.mark.parametrize("how", ["cut", "missing", "longer"])
@pytest.mark.parametrize(
    "name", ["manifest.json", "claims.jsonl.zst", "volumes/000001.tar", "tables/files.parquet"]
)
def test_what_is_not_whole_is_refused_by_name(plain_dump: Path, empty: Path, name: str, how: str) -> None:
    path = plain_dump / name
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if how == "cut" else data + b"\n")

    nothing_there = name == "manifest.json" and how == "missing"
    assert name in refused(plain_dump, empty, UsageError if nothing_there else VerificationFailed)


def test_swapped_files_are_refused(plain_dump: Path, empty: Path) -> None:
    one, other = plain_dump / "tables" / "copies.parquet", plain_dump / "tables" / "holdings.parquet"
    third = plain_dump / "tables" / "tracks.parquet"
    data = one.read_bytes()
    one.write_bytes(third.read_bytes())
    third.write_bytes(data)

    assert other.exists()
    assert "parquet" in refused(plain_dump, empty)


def test_the_manifest_of_another_dump_is_refused(dump: Path, plain_dump: Path, empty: Path) -> None:
    """Signed by its own publisher, and so the signature holds; the files are not those."""
    for name in ("manifest.json", "manifest.json.minisig", "lockgroove.pub"):
        shutil.copy(dump / name, plain_dump / name)

    assert "is not what was signed" in refused(plain_dump, empty)


def test_a_manifest_with_another_dumps_signature_is_refused(
    dump: Path, plain_dump: Path, empty: Path
) -> None:
    shutil.copy(dump / "manifest.json.minisig", plain_dump)

    assert "manifest.json" in refused(plain_dump, empty)


def test_a_bad_volume_brings_nothing_of_itself(dump: Path, empty: Path) -> None:
    """What came before it was verified and stays, for the next run to go on from."""
    volumes = sorted((dump / "volumes").iterdir())
    bad = volumes[1]
    worlds.flip(bad)
    index = pq.read_table(dump / "volumes.parquet").to_pylist()
    of_first = {r["object_id"] for r in index if r["volume"] == volumes[0].name}

    with pytest.raises(VerificationFailed, match=bad.name):
        take(dump, empty)

    with Archive(str(empty)) as opened:
        assert {held.id for held in opened.index.objects()} == of_first
        assert opened.store.parts() == []
        assert opened.audit(Silence()).findings == []
    shutil.copy(_good(dump, bad, empty), bad)
    assert take(dump, empty).tables_different == []


def _good(dump: Path, bad: Path, empty: Path) -> Path:
    worlds.flip(bad)
    copy = empty.parent / "good.tar"
    shutil.copy(bad, copy)
    return copy


# what a publisher may sign

MANIFESTS: dict[str, forging.Change] = {
    "climbs out": lambda f: f["files"][0].update(path="../../outside"),
    "climbs out within": lambda f: f["files"][0].update(path="tables/../../../outside"),
    "absolute": lambda f: f["files"][0].update(path="/tmp/outside"),
    "backslash": lambda f: f["files"][0].update(path="tables\\..\\x"),
    "NUL": lambda f: f["files"][0].update(path="tables/a\0b"),
    "surrogate": lambda f: f["files"][0].update(path="tables/\ud800"),
    "a path that is a number": lambda f: f["files"][0].update(path=7),
    "a path twice": lambda f: f["files"].append(f["files"][0]),
    "a file that is a folder": lambda f: f["files"].append(f["files"][0] | {"path": "tables"}),
    "itself": lambda f: f["files"].append(f["files"][0] | {"path": "manifest.json"}),
    "a negative size": lambda f: f["files"][0].update(size=-1),
    "a size in words": lambda f: f["files"][0].update(size="much"),
    "no digest": lambda f: f["files"][0].update(sha256=None),
    "no files": lambda f: f.update(files=None),
    "an archive that climbs out": lambda f: f.update(archive="../../../../tmp/outside"),
    "an archive that is a list": lambda f: f.update(archive=[]),
    "a date that is none": lambda f: f.update(as_of="../now"),
    "no claims": lambda f: f.update(files=[e for e in f["files"] if "claims" not in e["path"]]),
    "no index": lambda f: f.update(files=[e for e in f["files"] if e["path"] != "volumes.parquet"]),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_signed_manifest_that_is_no_manifest_is_refused(plain_dump: Path, empty: Path, what: str) -> None:
    forging.sign(plain_dump, MANIFESTS[what])
    around = sorted(os.listdir(empty.parent))

    refused(plain_dump, empty)

    assert sorted(os.listdir(empty.parent)) == around
    assert not os.path.exists("/tmp/outside")


@pytest.mark.parametrize(
    "data", [b"[]", b"7", b"{}", b"\xff", b"[" * 100_000, b'{"format": "lockgroove-dump-1"}']
)
def test_signed_bytes_that_are_no_manifest_are_refused(plain_dump: Path, empty: Path, data: bytes) -> None:
    forging.sign(plain_dump)
    (plain_dump / "manifest.json").write_bytes(data)
    (plain_dump / "manifest.json.minisig").write_bytes(forging.KEY.sign(data, "lockgroove dump"))

    assert "manifest.json" in refused(plain_dump, empty)


def test_a_dump_of_a_newer_format_says_so(plain_dump: Path, empty: Path) -> None:
    forging.sign(plain_dump, lambda f: f.update(format="lockgroove-dump-2"))

    assert "newer Lockgroove" in refused(plain_dump, empty, FormatUnknown)


Content = list[tuple[tarfile.TarInfo, bytes]]


def _first_of(content: Content, ending: str) -> int:
    return next(i for i, (info, _) in enumerate(content) if info.name.endswith(ending))


def _replaced(content: Content, ending: str, change: Callable[[bytes], bytes]) -> Content:
    at = _first_of(content, ending)
    info, data = content[at]
    return [*content[:at], (info, change(data)), *content[at + 1 :]]


def _renamed(content: Content, ending: str, name: str) -> Content:
    at = _first_of(content, ending)
    info = tarfile.TarInfo(
        name.format(folder=content[at][0].name.rpartition("/")[0], name=content[at][0].name)
    )
    return [*content[:at], (info, content[at][1]), *content[at + 1 :]]


def _without(content: Content, ending: str) -> Content:
    at = _first_of(content, ending)
    return [*content[:at], *content[at + 1 :]]


def _inventory_lies(content: Content, change: Callable[[dict[str, Any]], object]) -> Content:
    """The first object with another inventory, and sidecars that agree with it."""
    at = _first_of(content, "/v1/inventory.json")
    base = content[at][0].name.removesuffix("/v1/inventory.json")
    fields = json.loads(content[at][1])
    change(fields)
    data = json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False).encode() + b"\n"
    sidecar = f"{hashlib.sha512(data).hexdigest()}  inventory.json\n".encode()
    new = {f"{base}{folder}/inventory.json": data for folder in ("", "/v1")}
    new |= {f"{base}{folder}/inventory.json.sha512": sidecar for folder in ("", "/v1")}
    return [(info, new.get(info.name, old)) for info, old in content]


def _deposit_lies(content: Content, change: Callable[[dict[str, Any]], object]) -> Content:
    """The first object with another deposit.json, and an inventory that agrees with it."""
    at = _first_of(content, "/deposit.json")
    fields = json.loads(content[at][1])
    change(fields)
    data = json.dumps(fields, ensure_ascii=True).encode()
    sha512, sha256 = hashlib.sha512(data).hexdigest(), hashlib.sha256(data).hexdigest()

    def agree(inventory: dict[str, Any]) -> None:
        _move(inventory["manifest"], "v1/content/deposit.json", sha512)
        _move(inventory["versions"]["v1"]["state"], "deposit.json", sha512)
        _move(inventory["fixity"]["sha256"], "v1/content/deposit.json", sha256)

    return _inventory_lies(_replaced(content, "/deposit.json", lambda _: data), agree)


def _move(block: dict[str, list[str]], path: str, value: str) -> None:
    (old,) = [key for key, paths in block.items() if path in paths]
    block[old].remove(path)
    if not block[old]:
        del block[old]
    block[value] = sorted([*block.get(value, []), path])


VOLUMES: dict[str, Callable[[Content], Content]] = {
    "climbs out": lambda c: [*c, forging.file("../../outside")],
    "climbs out within": lambda c: [*c, forging.file("aa/bb/cc/../../../../outside")],
    "absolute": lambda c: [*c, forging.file("/tmp/outside")],
    "a stray file": lambda c: [*c, forging.file("evil.txt")],
    "a stray file in a folder": lambda c: [*c, forging.file("aa/bb/cc/evil.txt")],
    "a symbolic link": lambda c: [*c, forging.link("aa/bb/cc/link", "/etc/passwd")],
    "a hard link": lambda c: [*c, forging.link("aa/bb/cc/link", c[0][0].name, tarfile.LNKTYPE)],
    "a device": lambda c: [*c, forging.link("aa/bb/cc/null", "", tarfile.CHRTYPE)],
    "a pipe": lambda c: [*c, forging.link("aa/bb/cc/pipe", "", tarfile.FIFOTYPE)],
    "a folder": lambda c: [*c, forging.link("aa/bb/cc/folder", "", tarfile.DIRTYPE)],
    "a member twice": lambda c: [*c, c[-1]],
    "a file that is a folder": lambda c: [*c, forging.file(f"{c[-1][0].name}/below")],
    "a name that no disk takes": lambda c: [*c, forging.file(f"{c[-1][0].name}{'x' * 300}")],
    "a file too many": lambda c: [*c, forging.file(f"{c[-1][0].name}x")],
    "a file too few": lambda c: _without(c, "/01.flac"),
    "no declaration": lambda c: _without(c, "/0=ocfl_object_1.1"),
    "no sidecar": lambda c: _without(c, "/inventory.json.sha512"),
    "other bytes": lambda c: _replaced(c, "/01.flac", lambda data: data[:-1] + b"x"),
    "another name": lambda c: _renamed(c, "/01.flac", "{folder}/02.flac"),
    "another path": lambda c: [
        (forging.file(info.name.replace("urn%3a", "aa/urn%3a"), data)) for info, data in c
    ],
    "an inventory that is a list": lambda c: _replaced(c, "/inventory.json", lambda _: b"[]"),
    "an inventory without end": lambda c: _replaced(c, "/inventory.json", lambda _: b"[" * 100_000),
    "an inventory without fixity": lambda c: _inventory_lies(c, lambda f: f.pop("fixity")),
    "an inventory with other fixity": lambda c: _inventory_lies(c, lambda f: f["fixity"].update(sha256={})),
    "an inventory with another state": lambda c: _inventory_lies(
        c, lambda f: f["versions"]["v1"].pop("state")
    ),
    "an inventory with two versions": lambda c: _inventory_lies(c, lambda f: f["versions"].update(v2={})),
    "an inventory of another id": lambda c: _inventory_lies(
        c, lambda f: f.update(id="urn:lockgroove:" + "0" * 64)
    ),
    "a deposit of numbers": lambda c: _deposit_lies(c, lambda f: f["files"][0].update(key=7)),
    "a deposit of lists": lambda c: _deposit_lies(c, lambda f: f.update(source=[])),
    "a deposit without files": lambda c: _deposit_lies(c, lambda f: f.update(files=[])),
    "a deposit with another digest": lambda c: _deposit_lies(
        c, lambda f: f["files"][0].update(blake3="0" * 64)
    ),
    "a deposit that is a list": lambda c: _deposit_lies(c, lambda f: f.clear()),
}


@pytest.mark.parametrize("what", VOLUMES)
def test_a_signed_volume_that_is_no_volume_is_refused(plain_dump: Path, empty: Path, what: str) -> None:
    volume = plain_dump / "volumes" / "000001.tar"
    forging.rewrite(volume, VOLUMES[what](forging.members(volume)))
    forging.sign(plain_dump)
    around = sorted(os.listdir(empty.parent))

    assert "000001.tar" in refused(plain_dump, empty)

    assert sorted(os.listdir(empty.parent)) == around
    assert not os.path.exists("/tmp/outside")


def test_forging_alone_is_not_what_is_refused(plain_dump: Path, empty: Path) -> None:
    """Rewritten by the same tools with nothing changed, all of it is taken."""
    volume = plain_dump / "volumes" / "000001.tar"
    content = _deposit_lies(_inventory_lies(forging.members(volume), lambda f: None), lambda f: None)
    forging.rewrite(volume, content)
    forging.sign(plain_dump)

    assert take(plain_dump, empty).objects == 2
    with Archive(str(empty)) as opened:
        assert opened.audit(Silence()).findings == []


def test_a_tar_that_says_more_than_it_has_is_refused(plain_dump: Path, empty: Path) -> None:
    volume = plain_dump / "volumes" / "000001.tar"
    huge = tarfile.TarInfo("aa/bb/cc/huge")
    huge.size = 1 << 40
    volume.write_bytes(huge.tobuf() + b"little")
    forging.sign(plain_dump)

    assert "more than the volume may hold" in refused(plain_dump, empty)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_a_tar_that_was_signed_cut_is_refused(plain_dump: Path, empty: Path, share: float) -> None:
    volume = plain_dump / "volumes" / "000001.tar"
    data = volume.read_bytes()
    volume.write_bytes(data[: int(len(data) * share)])
    forging.sign(plain_dump)

    assert "000001.tar" in refused(plain_dump, empty)


def _records(dump: Path) -> list[dict[str, Any]]:
    reader = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO((dump / "claims.jsonl.zst").read_bytes()), read_across_frames=True
    )
    return [json.loads(line) for line in reader.read().splitlines()]


def _claims(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Every claim of a sound changed."""

    def apply(dump: Path) -> None:
        records = _records(dump)
        for record in records:
            if record["says"].get("role") == "sound":
                change(record)
        data = b"".join(json.dumps(r).encode() + b"\n" for r in records)
        (dump / "claims.jsonl.zst").write_bytes(zstandard.compress(data))

    return apply


def _listens(**columns: Any) -> Callable[[Path], None]:
    row = {
        "source": "listens-x", "subject": "s", "month": "", "listener_group": -1, "listens": 1,
        "capped_listens": 1, "listeners": 0,
    }  # fmt: skip

    def apply(dump: Path) -> None:
        schema = pa.schema([field.with_nullable(True) for field in LISTEN_SCHEMA])
        pq.write_table(pa.Table.from_pylist([row | columns], schema=schema), dump / "listens.parquet")

    return apply


NO_DECISION = {"statement": "s", "source": None, "licence": "whatever", "because": "b", "by": "x", "at": "t"}
PAPERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "noise for claims": ("claims", lambda d: (d / "claims.jsonl.zst").write_bytes(os.urandom(3000))),
    "noise in zstd": (
        "claims",
        lambda d: (d / "claims.jsonl.zst").write_bytes(zstandard.compress(b"\xff\xfe\n")),
    ),
    "a list for a claim": (
        "claims",
        lambda d: (d / "claims.jsonl.zst").write_bytes(zstandard.compress(b"[]\n")),
    ),
    "a key that climbs out": ("claims", _claims(lambda r: r.update(key="../../../etc/passwd"))),
    "an absolute key": ("claims", _claims(lambda r: r.update(key="/etc/passwd"))),
    "a key that climbs out, encoded": ("claims", _claims(lambda r: r.update(key="%2E%2E/%2E%2E/x"))),
    "a deposit that climbs out": ("claims", _claims(lambda r: r["says"].update(deposit="../.."))),
    "a key that is a number": ("claims", _claims(lambda r: r.update(key=7))),
    "a time that is none": ("claims", _claims(lambda r: r.update(at="9999"))),
    "a size in words": ("claims", _claims(lambda r: r["says"].update(size_bytes="big"))),
    "a size without end": ("claims", _claims(lambda r: r["says"].update(size_bytes=1 << 80))),
    "a title of numbers": ("claims", _claims(lambda r: r["says"]["tracks"][0].update(title=7))),
    "tracks of numbers": ("claims", _claims(lambda r: r["says"].update(tracks=[1, 2]))),
    "genres of numbers": ("claims", _claims(lambda r: r["says"]["tracks"][0].update(genre=[1]))),
    "an ISRC that is a number": ("claims", _claims(lambda r: r["says"]["tracks"][0].update(isrc=[7]))),
    "a year in words": ("claims", _claims(lambda r: r["says"]["tracks"][0].update(year="MM"))),
    "licences of numbers": (
        "claims",
        _claims(lambda r: r["says"].update(licences=[{"text": 1, "where": 2}])),
    ),
    "half a character": ("claims", _claims(lambda r: r["says"]["tracks"][0].update(title="\ud800"))),
    "nothing to say": ("claims", _claims(lambda r: r.update(says=None))),
    "noise for listens": ("listens", lambda d: (d / "listens.parquet").write_bytes(os.urandom(3000))),
    "other columns for listens": (
        "listens",
        lambda d: shutil.copy(d / "volumes.parquet", d / "listens.parquet"),
    ),
    "listens below none": ("listens", _listens(listens=-5)),
    "listens of nobody": ("listens", _listens(subject=None)),
    "noise for decisions": ("decisions", lambda d: (d / "decisions.jsonl").write_bytes(b"\xff\n")),
    "decisions of numbers": ("decisions", lambda d: (d / "decisions.jsonl").write_bytes(b"7\n")),
    "a decision for no licence": (
        "decisions",
        lambda d: (d / "decisions.jsonl").write_text(json.dumps(NO_DECISION) + "\n"),
    ),
    "noise for matches": ("matches", lambda d: (d / "matches.jsonl").write_bytes(b"\xff\n")),
    "matches of numbers": ("matches", lambda d: (d / "matches.jsonl").write_bytes(b"7\n")),
    "noise for an index": ("volumes.parquet", lambda d: (d / "volumes.parquet").write_bytes(os.urandom(300))),
    "another index": ("volumes.parquet", lambda d: shutil.copy(d / "listens.parquet", d / "volumes.parquet")),
}


@pytest.mark.parametrize("what", PAPERS)
def test_signed_papers_that_nobody_can_read_are_refused(plain_dump: Path, empty: Path, what: str) -> None:
    name, change = PAPERS[what]
    change(plain_dump)
    forging.sign(plain_dump)

    assert name in refused(plain_dump, empty)


def test_nobody_speaks_for_our_own_shelves(plain_dump: Path, tmp_path: Path) -> None:
    """A publisher who knows the name of our shelf claims to know our files better than we do."""
    ours = shelf(tmp_path / "ours", {"Mine/01.flac": song(title="Mine", artist="Me")})
    publishing.publish(tmp_path / "a", ours)
    with Archive(str(tmp_path / "a")) as opened:
        (name,) = opened.sources("shelf-")
        before = opened.reader(Silence())
        rows = before.select("SELECT * FROM recordings")
        before.close()
    _claims(
        lambda r: (
            r.update(source=name, key="Mine/01.flac", at="2999-01-01T00:00:00.000000Z"),
            r["says"]["tracks"][0].update(title="Theirs"),
        )
    )(plain_dump)
    forging.sign(plain_dump)

    take(plain_dump, tmp_path / "a")

    with Archive(str(tmp_path / "a")) as opened:
        reader = opened.reader(Silence())
        assert reader.select("SELECT * FROM recordings WHERE title = 'Mine'") == rows
        assert reader.select("SELECT * FROM recordings WHERE title = 'Theirs'") == []
        reader.close()


def test_a_key_that_the_operator_names_is_the_one_that_counts(plain_dump: Path, empty: Path) -> None:
    real = mirror.look(str(plain_dump), None).key.text()
    forging.sign(plain_dump)

    assert mirror.look(str(plain_dump), forging.public_key()).named
    with pytest.raises(VerificationFailed, match=r"manifest\.json"):
        mirror.look(str(plain_dump), real)
    with pytest.raises(UsageError):
        mirror.look(str(plain_dump), "no key")


def test_a_folder_without_a_dump_and_a_host_without_a_server_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dump"):
        mirror.look(str(tmp_path), None)
    with pytest.raises(UsageError):
        mirror.look(str(tmp_path / "nothing"), None)


def test_a_dump_that_the_disk_refuses_to_read_is_unavailable(plain_dump: Path, empty: Path) -> None:
    (plain_dump / "claims.jsonl.zst").unlink()
    os.symlink("claims.jsonl.zst", plain_dump / "claims.jsonl.zst")

    assert "claims.jsonl.zst" in refused(plain_dump, empty, Unavailable)


def test_after_all_that_the_true_dump_is_taken(plain_dump: Path, empty: Path) -> None:
    worlds.flip(plain_dump / "volumes" / "000001.tar")
    refused(plain_dump, empty)
    worlds.flip(plain_dump / "volumes" / "000001.tar")

    assert take(plain_dump, empty).tables_different == []
    assert CC0 in worlds.tree_below(empty, "vault").values()
