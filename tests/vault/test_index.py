"""What is held where: derived from journal and vault, and never from what neither vouches for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import crash
import pytest
from crash import draft

import worlds
from lockgroove.journal import canonical
from lockgroove.keep import keep
from lockgroove.model import HeldFile
from lockgroove.report import Silence
from lockgroove.vault import Committer, ocfl
from lockgroove.vault.index import HeldObject


def kept(world: worlds.World, deposit: str, files: dict[bytes, bytes]) -> None:
    with world.open() as opened:
        committer = Committer(opened.storage, opened.journal, opened.index, Silence())
        keep([draft(deposit, files)], committer, committer.recover(), 0, Silence())


def held(world: worlds.World) -> list[HeldFile]:
    with world.open() as opened:
        return [h for batch in opened.index.held_batches() for h in batch]


def foreign_object(world: worlds.World, deposit: dict[str, Any], content: dict[str, bytes]) -> None:
    """An object as another archive may have made it: whole, whatever its deposit.json says."""
    raw = canonical(deposit)
    files = [
        ocfl.ContentFile(p, len(d), hashlib.sha512(d).hexdigest(), hashlib.sha256(d).hexdigest())
        for p, d in {**content, ocfl.DEPOSIT_FILE: raw}.items()
    ]
    identifier = ocfl.object_id([(f.path, f.sha512) for f in files if f.path != ocfl.DEPOSIT_FILE])
    inventory = ocfl.inventory(identifier, "2026-01-01T00:00:00Z", files)
    base = f"{ocfl.ROOT}/{ocfl.object_path(identifier)}"
    with world.open() as opened:
        for path, data in {**content, ocfl.DEPOSIT_FILE: raw}.items():
            opened.storage.append(f"{base}/{ocfl.CONTENT}/{path}", 0, [data])
        for path, data in ocfl.object_wrapping(inventory).items():
            opened.storage.append(f"{base}/{path}", 0, [data])
        digest = hashlib.sha512(inventory).hexdigest()
        held_object = HeldObject(identifier, ocfl.object_path(identifier), digest, len(inventory), 1, 1, "")
        opened.journal.append("kept", {"objects": [held_object.as_subject()], "elsewhere": []})
        opened.index.catch_up()


def told(path: str, data: bytes, **more: str) -> dict[str, Any]:
    return {
        "key": f"k/{path}", "stamp": "1", "name": path, "path": path, "size": len(data),
        "sha512": hashlib.sha512(data).hexdigest(), "sha256": hashlib.sha256(data).hexdigest(),
        "blake3": "0" * 64,
    } | more  # fmt: skip


def deposit_of(files: list[dict[str, Any]], elsewhere: list[dict[str, Any]]) -> dict[str, Any]:
    return {"source": "other", "deposit": "D", "files": files, "elsewhere": elsewhere}


def test_a_lie_about_our_object_takes_no_bytes_from_us(empty) -> None:
    """If it were believed, the file would never be kept: its bytes are said to be held already."""
    kept(empty, "Aria", {b"1": b"ours"})
    ours = held(empty)[0].object_id
    lie = told("1", b"precious", object=ours)
    foreign_object(empty, deposit_of([told("x", b"x")], [lie]), {"x": b"x"})

    kept(empty, "Bolero", {b"2": b"precious"})

    stored = [data for path, data in empty.tree().items() if path.endswith("/v1/content/2")]
    assert stored == [b"precious"]


@pytest.mark.parametrize("path", ["../../../../../../etc/passwd", "no/such/file", "/etc/passwd", ""])
def test_a_lie_about_our_object_does_not_make_it_look_damaged(empty, path) -> None:
    kept(empty, "Aria", {b"1": b"ours"})
    ours = held(empty)[0].object_id
    foreign_object(empty, deposit_of([told("x", b"x")], [told(path, b"x", object=ours)]), {"x": b"x"})

    with empty.open() as opened:
        findings = opened.audit(Silence()).findings

    assert not any(ours.rpartition(":")[2] in finding.where for finding in findings)


@pytest.mark.parametrize(
    "files",
    [[told("no-such-file", b"x")], [told("x", b"another")], [told("../x", b"x")], [{"key": "k"}], "none", 7],
)
def test_a_deposit_that_contradicts_its_inventory_tells_nothing(empty, files) -> None:
    foreign_object(empty, deposit_of(files, []), {"x": b"x"})

    with empty.open() as opened:
        care = opened.audit(Silence())

    assert held(empty) == []
    assert care.findings == []
    assert care.results["here"].files == len(empty.tree())


def test_duplicates_are_found_again_after_the_index_was_lost(empty) -> None:
    kept(empty, "Aria", {b"1": b"same", b"2": b"same"})
    kept(empty, "Bolero", {b"3": b"same", b"4": b"new"})
    before = held(empty)
    for path in empty.home.glob("state.sqlite*"):
        path.unlink()

    assert held(empty) == before
    assert len({h.object_id for h in before if h.sha512 == before[0].sha512}) == 1


def test_the_index_is_the_same_however_often_it_catches_up(kept_once, tmp_path) -> None:
    world = worlds.copied(kept_once, tmp_path)
    with world.open() as opened:
        before = [h for batch in opened.index.held_batches() for h in batch], opened.index.positions()
        assert opened.index.catch_up() == 0
    world.home.joinpath("state.sqlite").unlink()

    with world.open() as opened:
        assert (
            [h for batch in opened.index.held_batches() for h in batch],
            opened.index.positions(),
        ) == before


def test_deposit_json_says_what_a_stranger_needs(empty) -> None:
    kept(empty, "Aria", crash.DEPOSITS["Aria"])
    (path,) = (empty.home / "vault").glob("*/*/*/v1/content/deposit.json")

    deposit = json.loads(path.read_bytes())

    assert (deposit["source"], deposit["deposit"]) == ("shelf-1", "Aria")
    assert deposit["licences"] == [{"text": "CC0", "where": "LICENSE"}]
    for file in deposit["files"]:
        data = (path.parent / file["path"]).read_bytes()
        assert (file["size"], file["sha512"]) == (len(data), hashlib.sha512(data).hexdigest())
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
