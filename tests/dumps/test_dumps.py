"""A dump: the same to the byte, signed, and opened by programs that are not ours."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from publishing import VOLUME, dump_again, files_of, open_shelf, publish

import worlds
from lockgroove.archive import Archive
from lockgroove.dumps.readme import text
from lockgroove.keys import parse_public, verify
from lockgroove.report import Silence

MINISIGN = shutil.which("minisign")
# What stands outside the tables and volumes may not differ either.
AGAIN = """
import sys
from lockgroove.archive import Archive
from lockgroove.report import Silence
import duckdb
connect = duckdb.connect
def one_thread(*given, **settings):
    db = connect(*given, **settings)
    db.execute("SET threads = 1")
    return db
duckdb.connect = one_thread
with Archive(sys.argv[1]) as opened:
    opened.rebuild(Silence())
    print(opened.dump(Silence(), int(sys.argv[2]))[1])
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("published")
    publish(root / "a", open_shelf(root / "shelf"))
    return root / "a"


@pytest.fixture
def dump(home: Path) -> Path:
    return home / "dumps" / "000001"


@pytest.fixture(scope="module")
def untarred(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All volumes, untarred by GNU tar into one folder."""
    folder = tmp_path_factory.mktemp("music")
    for volume in sorted((home / "dumps" / "000001" / "volumes").iterdir()):
        done = subprocess.run(["tar", "-xf", volume, "-C", folder], capture_output=True, check=True)
        assert done.stderr == b""
    return folder


def test_two_dumps_are_the_same_to_the_byte(home: Path, dump: Path, tmp_path: Path) -> None:
    copy = worlds.copied(worlds.World(_as_world(home, tmp_path)), tmp_path / "copy")
    for part in ("catalogue", "cache"):
        shutil.rmtree(copy.home / part)
    (copy.home / "state.sqlite").unlink()

    again = dump_again(copy.home)

    assert again.name == "000002"
    assert files_of(again) == files_of(dump)


def _as_world(home: Path, tmp_path: Path) -> Path:
    os.symlink(home, tmp_path / "archive")
    return tmp_path


@pytest.mark.parametrize(
    "environment",
    [
        {"TZ": "Pacific/Chatham", "LC_ALL": "C"},
        {"TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "LC_ALL": ""},
    ],
    ids=["C", "tr_TR"],
)
def test_neither_time_zone_language_nor_threads_change_a_byte(
    home: Path, dump: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    shutil.copytree(home, tmp_path / "a")
    command = [sys.executable, "-c", AGAIN, str(tmp_path / "a"), str(VOLUME)]

    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert files_of(Path(done.stdout.strip())) == files_of(dump)


def test_there_are_several_volumes_and_an_index_of_all_their_files(dump: Path) -> None:
    """Seek, read, digest: each row of volumes.parquet leads to the very bytes."""
    rows = pq.read_table(dump / "volumes.parquet").to_pylist()

    assert len({row["volume"] for row in rows}) > 2
    for row in rows:
        with open(dump / "volumes" / row["volume"], "rb") as file:
            file.seek(row["offset"])
            data = file.read(row["size_bytes"])
        assert len(data) == row["size_bytes"]
        if row["sha512"]:
            assert hashlib.sha512(data).hexdigest() == row["sha512"]
        elif row["path"].endswith("inventory.json"):
            assert json.loads(data)["id"] == row["object_id"]
    held = {f["sha512"] for f in pq.read_table(dump / "tables" / "files.parquet").to_pylist()} - {None}
    assert held == {row["sha512"] for row in rows} - {None}


def test_the_volumes_untarred_into_one_folder_are_a_valid_ocfl_root(untarred: Path) -> None:
    script = Path(sys.executable).with_name("ocfl-root.py")
    done = subprocess.run(
        [sys.executable, script, "validate", "--root", untarred], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "VALID" in (done.stdout + done.stderr).upper()
    assert "INVALID" not in (done.stdout + done.stderr).upper()


def test_names_of_every_kind_come_out_of_gnu_tar(untarred: Path) -> None:
    names = {p.name for p in untarred.rglob("*.flac")}

    assert "01 Коробейники.flac" in names
    assert f"{'long ' * 40}.flac" in names
    assert "01 caf%E9.flac" in names
    assert not any("Unsaid" in str(p) or "Dark" in str(p) for p in untarred.rglob("*"))


def test_tars_carry_no_clock_owner_or_mode_of_ours(dump: Path) -> None:
    for volume in sorted((dump / "volumes").iterdir()):
        with tarfile.open(volume) as tar:
            seen = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode, m.type) for m in tar}
        assert seen == {(0, 0, 0, "", "", 0o644, tarfile.REGTYPE)}


def test_the_commands_of_the_readme_do_what_it_says(dump: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dump, copy)
    blocks = re.findall(r"^ {7}(\S.*)$", (copy / "README.txt").read_text(), re.M)
    commands = [line for line in blocks if not line.startswith(("lockgroove", "duckdb"))]
    if MINISIGN is None:
        commands = [line for line in commands if not line.startswith("minisign")]

    for command in commands:
        done = subprocess.run(["bash", "-ec", command], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stderr)

    assert any(line.startswith("sha256sum -c") for line in commands)
    assert list((copy / "music").glob("*/*/*/0=ocfl_object_1.1"))
    (query,) = [line for line in blocks if line.startswith("duckdb")]
    assert "tables/recordings.parquet" in query


def test_sha256sums_lists_every_other_file(dump: Path) -> None:
    listed = {line.split("  ", 1)[1] for line in (dump / "SHA256SUMS").read_text().splitlines()}

    assert listed == set(files_of(dump)) - {"SHA256SUMS"}


@pytest.mark.skipif(MINISIGN is None, reason="minisign is not installed: apt-get install minisign")
def test_minisign_accepts_the_signature_and_shows_root_and_date(dump: Path) -> None:
    command = [str(MINISIGN), "-Vm", "manifest.json", "-p", "lockgroove.pub"]

    done = subprocess.run(command, cwd=dump, capture_output=True, text=True)

    manifest = json.loads((dump / "manifest.json").read_text())
    assert done.returncode == 0
    assert f"root:{manifest['root']} as-of:{manifest['as_of']}" in done.stdout


def test_our_own_check_agrees_and_refuses_what_minisign_would(dump: Path) -> None:
    key = parse_public((dump / "lockgroove.pub").read_text())
    data, signature = (dump / "manifest.json").read_bytes(), (dump / "manifest.json.minisig").read_bytes()

    assert verify(data, signature, key, "here").startswith("lockgroove dump root:")
    assert key.text().encode() in text("A", "now", key)


def test_a_dry_run_says_the_root_and_leaves_nothing(home: Path, dump: Path) -> None:
    before = worlds.files_below(home, ".")

    with Archive(str(home)) as opened:
        result, folder = opened.dump(Silence(), VOLUME, dry_run=True)

    assert (folder, result.root) == ("", json.loads((dump / "manifest.json").read_text())["root"])
    assert [f for f in worlds.files_below(home, ".") if "state.sqlite" not in f] == [
        f for f in before if "state.sqlite" not in f
    ]


def test_the_dictionary_names_every_column_of_every_table(dump: Path) -> None:
    said = json.loads((dump / "tables" / "dictionary.json").read_text())

    for table in (dump / "tables").glob("*.parquet"):
        schema = pq.read_schema(table)
        if table.stem != "ledger":
            assert list(said[table.stem]["columns"]) == schema.names
            assert {c: m["type"] for c, m in said[table.stem]["columns"].items()} == {
                f.name: str(f.type) for f in schema
            }


def test_the_public_ledger_tells_of_dark_files_an_id_a_size_and_a_reason(dump: Path) -> None:
    ledger = pq.read_table(dump / "tables" / "ledger.parquet").to_pylist()
    recordings = pq.read_table(dump / "tables" / "recordings.parquet").to_pylist()
    files = pq.read_table(dump / "tables" / "files.parquet").to_pylist()

    said = [row["recording_row"] for row in ledger if row["kind"] == "recording"]
    assert said == list(range(len(recordings)))
    of_files = [row for row in ledger if row["kind"] == "file"]
    assert len(of_files) == len(files) + 1  # the dark one
    assert [row["rights"] for row in of_files].count("none") == 1
