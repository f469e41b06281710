"""What Lockgroove writes keeps the rules of OCFL 1.1: the vault, a place, the untarred volumes of a dump.

`docs/conformance/ocfl.md` names, rule by rule, which of these tests holds it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from ocfl.storage_root import StorageRoot
from ocfl.validator import Validator

from lockgroove import archive as archives
from lockgroove.report import Silence

INVENTORY_KEYS = {"id", "type", "digestAlgorithm", "head", "manifest", "versions", "fixity"}
VERSION_KEYS = {"created", "message", "state", "user"}


def _shelf(folder: str) -> None:
    """Two deposits with names that a storage root does not take as they are."""
    music = Path(str(resources.files("lockgroove.cli") / "demo_music" / "Keyboard Pieces"))
    os.makedirs(f"{folder}/One/CD2")
    os.makedirs(f"{folder}/Two")
    shutil.copy(music / "01 Prelude in C.opus", f"{folder}/One")
    shutil.copy(music / "02 Minuet in G.opus", f"{folder}/One/CD2")
    shutil.copy(music / "03 Für Elise.opus", f"{folder}/Two")
    shutil.copy(music / "01 Prelude in C.opus", f"{folder}/Two/the same again.opus")
    names = [
        b"empty.txt",
        b"deposit.json",
        b"inventory.json",
        b"100 %.txt",
        b"not utf8 \xff.txt",
        b"line\nfeed.txt",
    ]
    for name in [*names, b"n" * 255]:
        with open(os.fsencode(f"{folder}/One") + b"/" + name, "wb") as file:
            file.write(b"" if name == b"empty.txt" else name)


@pytest.fixture(scope="module")
def archive_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    work = tmp_path_factory.mktemp("ocfl")
    _shelf(f"{work}/shelf")
    report = Silence()
    with archives.init(f"{work}/archive") as archive:
        archive.gather_folder(f"{work}/shelf", "CC0-1.0", False, report)
        archive.keep(report)
        archive.add_place(f"{work}/place", None, report)
        archive.dump(report, 1 << 20)
    return f"{work}/archive"


@pytest.fixture(scope="module", params=["vault", "place", "volumes"])
def root(request: pytest.FixtureRequest, archive_root: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "vault":
        return f"{archive_root}/vault"
    if request.param == "place":
        return f"{archive_root}/../place/vault"
    target = str(tmp_path_factory.mktemp("untarred"))
    folder = f"{archive_root}/dumps/000001/volumes"
    for volume in sorted(os.listdir(folder)):
        with tarfile.open(f"{folder}/{volume}") as tar:
            tar.extractall(target, filter="data")
    return target


def _objects(root: str) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        if "0=ocfl_object_1.1" in names:
            yield folder


def _inventories(root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    found = [(base, json.loads(_bytes(f"{base}/inventory.json"))) for base in _objects(root)]
    assert len(found) >= 2
    yield from found


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _content(base: str) -> set[str]:
    """Content paths of the files that are there."""
    return {
        os.path.relpath(os.path.join(folder, name), base)
        for folder, _, names in os.walk(f"{base}/v1/content")
        for name in names
    }


def test_ocfl_py_finds_nothing(root):
    for base in _objects(root):
        judge = Validator(log_warnings=True)
        assert judge.validate_object(base), judge.status_str()
        assert judge.status_str() == ""

    assert StorageRoot(root=root).validate(log_warnings=True)


def test_ocfl_py_would_tell(archive_root, tmp_path):
    """The judge is awake: a rule broken on purpose is told, a mere recommendation too."""
    broken = shutil.copytree(next(_objects(f"{archive_root}/vault")), tmp_path / "object")
    inventory = json.loads((broken / "inventory.json").read_bytes())
    del inventory["versions"]["v1"]["user"], inventory["versions"]["v1"]["created"]
    (broken / "inventory.json").write_text(json.dumps(inventory))
    judge = Validator(log_warnings=True)

    assert not judge.validate_object(str(broken))
    assert {"E048", "E060", "W007"} <= set(re.findall(r"\[([EW]\d{3})", judge.status_str()))


def test_the_storage_root_declares_itself(root):
    assert _bytes(f"{root}/0=ocfl_1.1") == b"ocfl_1.1\n"
    assert [name for name in os.listdir(root) if name.startswith("0=")] == ["0=ocfl_1.1"]
    layout = json.loads(_bytes(f"{root}/ocfl_layout.json"))
    assert set(layout) == {"extension", "description"}
    assert os.listdir(f"{root}/extensions") == [layout["extension"]]
    assert layout["extension"] == "0003-hash-and-id-n-tuple-storage-layout"
    config = json.loads(_bytes(f"{root}/extensions/{layout['extension']}/config.json"))
    assert config["extensionName"] == layout["extension"]


def test_objects_lie_where_their_ids_say(root):
    places = set()
    for base, inventory in _inventories(root):
        digest = hashlib.sha256(inventory["id"].encode()).hexdigest()
        encoded = re.sub(r"[^A-Za-z0-9_-]", lambda m: f"%{ord(m[0]):02x}", inventory["id"])
        place = f"{digest[:2]}/{digest[2:4]}/{encoded}"
        assert os.path.relpath(base, root) == place
        places.add(place)

    for folder, _, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        within = any(inside == place or inside.startswith(f"{place}/") for place in places)
        assert within or not names or inside == "." or inside.startswith("extensions/")


def test_an_object_holds_its_files_and_no_other(root):
    for base, inventory in _inventories(root):
        assert sorted(os.listdir(base)) == [
            "0=ocfl_object_1.1", "inventory.json", "inventory.json.sha512", "v1",
        ]  # fmt: skip
        assert _bytes(f"{base}/0=ocfl_object_1.1") == b"ocfl_object_1.1\n"
        assert sorted(os.listdir(f"{base}/v1")) == ["content", "inventory.json", "inventory.json.sha512"]
        assert _content(base) == {path for paths in inventory["manifest"].values() for path in paths}


def test_an_inventory_has_the_keys_of_the_standard_and_no_other(root):
    for _, inventory in _inventories(root):
        assert set(inventory) == INVENTORY_KEYS
        assert inventory["type"] == "https://ocfl.io/1.1/spec/#inventory"
        assert inventory["digestAlgorithm"] == "sha512"
        assert re.fullmatch(r"urn:lockgroove:[0-9a-f]{64}", inventory["id"])
        assert set(inventory["versions"]) == {"v1"}
        version = inventory["versions"]["v1"]
        assert set(version) == VERSION_KEYS
        assert isinstance(version["message"], str)
        assert set(version["user"]) == {"name", "address"}
        assert version["user"]["address"].startswith("https://")


def test_there_is_one_version(root):
    for base, inventory in _inventories(root):
        assert inventory["head"] == "v1"
        assert [name for name in os.listdir(base) if os.path.isdir(f"{base}/{name}")] == ["v1"]
        assert _bytes(f"{base}/v1/inventory.json") == _bytes(f"{base}/inventory.json")
        state = inventory["versions"]["v1"]["state"]
        assert set(state) == set(inventory["manifest"])


def test_created_is_a_time_with_a_zone(root):
    for _, inventory in _inventories(root):
        created = inventory["versions"]["v1"]["created"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", created)
        assert datetime.fromisoformat(created).tzinfo is not None


def test_paths_are_relative_and_do_not_collide(root):
    for _, inventory in _inventories(root):
        content = [path for paths in inventory["manifest"].values() for path in paths]
        logical = [path for paths in inventory["versions"]["v1"]["state"].values() for path in paths]
        assert all(path.startswith("v1/content/") for path in content)
        for paths in (content, logical):
            folders = {part for path in paths for part in _above(path)}
            assert len(paths) == len(set(paths))
            assert not folders & set(paths)
            assert not [path for path in paths if {"", ".", ".."} & set(path.split("/"))]


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def test_digests_are_those_of_the_files(root):
    for base, inventory in _inventories(root):
        _compare(base, inventory["manifest"], lambda data: hashlib.sha512(data).hexdigest())
        _compare(base, inventory["fixity"]["sha256"], lambda data: hashlib.sha256(data).hexdigest())
        assert set(inventory["fixity"]) == {"sha256"}


def _compare(base: str, block: dict[str, list[str]], digest: Any) -> None:
    assert sorted(path for paths in block.values() for path in paths) == sorted(_content(base))
    assert len({key.lower() for key in block}) == len(block)
    for key, paths in block.items():
        assert all(digest(_bytes(f"{base}/{path}")) == key for path in paths)


def test_the_sidecar_is_the_digest_of_the_inventory(root):
    for base, _ in _inventories(root):
        for folder in (base, f"{base}/v1"):
            digest = hashlib.sha512(_bytes(f"{folder}/inventory.json")).hexdigest()
            assert _bytes(f"{folder}/inventory.json.sha512") == f"{digest}  inventory.json\n".encode()


def test_there_are_no_links_and_no_empty_folders(root):
    for folder, folders, names in os.walk(root):
        assert folders or names
        for name in names:
            status = os.lstat(f"{folder}/{name}")
            assert os.path.isfile(f"{folder}/{name}")
            assert not os.path.islink(f"{folder}/{name}")
            assert status.st_nlink == 1
