"""Objects lie where the layout says, are what a stranger's validator takes, and keep their files' names."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge import faults
from ocfl.storage_root import StorageRoot

import worlds
from lockgroove.vault import ocfl

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "ocfl-layout-vectors" / "vectors.jsonl"
PART = st.binary(min_size=1, max_size=300).filter(lambda b: b"/" not in b and b"\0" not in b)
PART = PART.filter(lambda b: b not in (b".", b".."))
NAME = st.lists(
    PART | st.sampled_from([b"deposit.json", b"a", b"%", b"a\n", b"a%0A"]), min_size=1, max_size=3
)
NAME = NAME.map(b"/".join)


def test_an_object_lies_where_the_layouts_authors_say() -> None:
    """The official examples of extension 0003; only how the id is encoded is the same for all parameters."""
    if not VECTORS.exists():
        pytest.skip("the layout's vectors are not here")
    vectors = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    ours = {"extensionName": ocfl.LAYOUT, "digestAlgorithm": "sha256", "tupleSize": 2, "numberOfTuples": 2}
    defaults = {"digestAlgorithm": "sha256", "tupleSize": 3, "numberOfTuples": 3}
    checked = 0
    for vector in vectors:
        if vector["extension"] != ocfl.LAYOUT or vector["doubt"]:
            continue
        config = defaults | (vector["config"] or {})
        size, count = config["tupleSize"], config["numberOfTuples"]
        digest = hashlib.new(config["digestAlgorithm"], vector["id"].encode()).hexdigest()
        tuples = [digest[n * size : (n + 1) * size] for n in range(count)]
        encoded = ocfl.object_path(vector["id"]).split("/", 2)[2]
        assert "/".join([*tuples, encoded]) == vector["path"]
        checked += 1
    assert checked >= 3
    assert ours == json.loads(ocfl.root_files()[f"extensions/{ocfl.LAYOUT}/config.json"])


def test_a_vault_is_what_ocfl_py_takes(kept_once: worlds.World) -> None:
    root = StorageRoot(root=str(kept_once.home / "vault"))

    assert root.validate(log_warnings=True)
    assert (root.num_objects, root.good_objects, root.errors) == (3, 3, [])
    assert faults(str(kept_once.home / "vault")) == []


@pytest.fixture(scope="module")
def root(kept_once: worlds.World) -> StorageRoot:
    found = StorageRoot(root=str(kept_once.home / "vault"))
    found.open_root_fs()
    found.check_root_structure()
    return found


@given(st.text(min_size=1, max_size=120).filter(lambda text: text.isprintable()))
def test_an_object_lies_where_ocfl_py_would_put_it(root: StorageRoot, identifier: str) -> None:
    assert ocfl.object_path(identifier) == root.object_path(identifier)


def test_the_id_is_what_sha256sum_makes_of_the_list(kept_once: worlds.World) -> None:
    for path in (kept_once.home / "vault").glob("*/*/*"):
        inventory = json.loads((path / "inventory.json").read_bytes()) if path.is_dir() else None
        if inventory is None:
            continue
        rows = [(p[11:], d) for d, paths in inventory["manifest"].items() for p in paths]
        lines = "".join(f"{d}  {p}\n" for p, d in sorted(rows) if p != "deposit.json")
        assert inventory["id"] == f"urn:lockgroove:{hashlib.sha256(lines.encode()).hexdigest()}"
        assert inventory["digestAlgorithm"] == "sha512"


@given(st.lists(NAME, min_size=1, max_size=8))
def test_any_names_become_paths_that_a_disk_takes_side_by_side(names) -> None:
    """UTF-8, no control characters, none too long, none that climbs, none that is a file and a folder."""
    paths = ocfl.unique_paths(names)

    folders = {"/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)}
    assert len({*paths, ocfl.DEPOSIT_FILE}) == len(names) + 1
    assert not folders & {*paths, ocfl.DEPOSIT_FILE}
    for part in (part for path in paths for part in path.split("/")):
        assert 0 < len(part.encode()) <= 255
        assert part not in (".", "..")
        assert not any(ord(c) < 32 or ord(c) == 127 for c in part)


@given(st.lists(NAME, min_size=1, max_size=8))
def test_paths_can_really_be_made(tmp_path_factory, names) -> None:
    folder = tmp_path_factory.mktemp("names")

    for path in ocfl.unique_paths([name for name in names if len(name) < 600]):
        os.makedirs(os.path.dirname(folder / path), exist_ok=True)
        with open(folder / path, "xb"):
            pass


@given(NAME)
def test_a_name_that_a_disk_takes_anywhere_stays_as_it_is(name) -> None:
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        return
    plain = all(ord(c) >= 32 and ord(c) != 127 for c in text)
    short = all(len(part) <= 255 for part in name.split(b"/"))

    if plain and short and not text.startswith("deposit.json"):
        assert ocfl.content_name(name) == text


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"deposit.json", "deposit%2Ejson"),
        (b"deposit.json/x.wav", "deposit%2Ejson/x.wav"),
        (b"CD1/deposit.json", "CD1/deposit.json"),
        (b"caf\xe9.wav", "caf%E9.wav"),
        (b"100%\xe9", "100%25%E9"),
        (b"100%", "100%"),
        (b"a\nb\x7f", "a%0Ab%7F"),
        ("é".encode(), "é"),
        (b"\xed\xb2\x80", "%ED%B2%80"),
    ],
)
def test_names_that_need_care(name, path) -> None:
    assert ocfl.content_name(name) == path


@pytest.mark.parametrize("length", [254, 255, 256, 300])
@pytest.mark.parametrize("character", ["a", "é", "さ", "\U0001f3b5"])
def test_a_long_name_is_cut_at_a_character_and_ends_in_its_digest(length, character) -> None:
    name = (character * length).encode()[:length].decode("utf-8", "ignore").encode()
    other = name[:-1] + b"b"

    path = ocfl.content_name(name)

    assert len(path.encode()) <= 255
    assert (path == name.decode()) == (len(name) <= 255)
    assert ocfl.content_name(other) != path


def test_names_that_fall_together_are_told_apart_within_255_bytes() -> None:
    long = b"a" * 252 + b"\n"  # 255 bytes when encoded

    paths = ocfl.unique_paths([long, b"a" * 252 + b"%0A", b"deposit.json", b"deposit%2Ejson"])

    assert len(set(paths)) == 4
    assert all(len(path.encode()) <= 255 for path in paths)


def test_an_inventory_is_the_same_whatever_order_the_files_come_in() -> None:
    files = [
        ocfl.ContentFile(name, n, f"{n:0128x}", f"{n:064x}") for n, name in enumerate(["b", "a", "é", "Z"])
    ]

    one = ocfl.inventory("urn:x", "2026-01-01T00:00:00Z", files)

    assert one == ocfl.inventory("urn:x", "2026-01-01T00:00:00Z", files[::-1])
    assert ocfl.object_id([("b", "1"), ("a", "2")]) == ocfl.object_id([("a", "2"), ("b", "1")])
