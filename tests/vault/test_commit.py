"""Keeping: every object whole, every acknowledged one there, whatever moment it is cut."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import pytest
from crash import DEPOSITS, draft
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import faults

import worlds
from lockgroove.errors import StorageFailed
from lockgroove.findings import Finding
from lockgroove.keep import keep
from lockgroove.report import Silence
from lockgroove.vault import Committer, DraftFile, ObjectDraft, ocfl
from lockgroove.vault.commit import SourceChanged


def kept(world: worlds.World, *drafts: ObjectDraft) -> tuple[Committer, Silence]:
    with world.open() as opened:
        report = Silence()
        committer = Committer(opened.storage, opened.journal, opened.index, report)
        keep(drafts, committer, committer.recover(), 0, report)
    return committer, report


def held(world: worlds.World) -> dict[str, tuple[str, str]]:
    """Per key the object and the path that hold its bytes."""
    with world.open() as opened:
        return {h.key: (h.object_id, h.path) for batch in opened.index.held_batches() for h in batch}


def deposits(world: worlds.World) -> list[dict]:
    paths = sorted((world.home / "vault").glob("*/*/*/v1/content/deposit.json"))
    return [json.loads(path.read_bytes()) for path in paths]


# what comes in


def test_duplicates_inside_a_deposit_are_stored_once_and_referred_to(empty) -> None:
    committer, _ = kept(
        empty, draft("Aria", {b"1": b"same", b"2": b"same", b"3": b"other", b"CD2/4": b"same"})
    )

    where = held(empty)
    (deposit,) = deposits(empty)
    assert (
        where["Aria/1"] == where["Aria/2"] == where["Aria/CD2/4"] == (deposit["elsewhere"][0]["object"], "1")
    )
    assert [f["path"] for f in deposit["files"]] == ["1", "3"]
    assert [f["name"] for f in deposit["elsewhere"]] == ["2", "CD2/4"]
    assert (committer.counts.files, committer.counts.elsewhere) == (2, 2)
    assert faults(str(empty.home / "vault")) == []


def test_duplicates_across_deposits_of_one_batch_and_of_another(empty) -> None:
    kept(empty, draft("Aria", {b"1": b"same"}), draft("Bolero", {b"x": b"same", b"y": b"new"}))
    kept(empty, draft("Chant", {b"z": b"same"}), draft("Dirge", {b"w": b"new", b"v": b"newer"}))

    where = held(empty)
    assert where["Aria/1"] == where["Bolero/x"] == where["Chant/z"]
    assert where["Bolero/y"] == where["Dirge/w"]
    contents = [
        data for path, data in empty.tree().items() if "/content/" in path and "deposit.json" not in path
    ]
    assert sorted(contents) == sorted([b"same", b"new", b"newer"])
    with empty.open() as opened:
        assert opened.audit(Silence()).findings == []


def test_a_file_without_bytes_is_kept(empty) -> None:
    kept(empty, draft("Aria", {b"nothing": b"", b"nothing too": b"", b"something": b"x"}))

    assert held(empty)["Aria/nothing too"][1] == "nothing"
    assert faults(str(empty.home / "vault")) == []


def test_names_stay_as_received_as_far_as_a_stranger_can_read_them(empty) -> None:
    names = {
        b"deposit.json": b"1", b"deposit%2Ejson": b"2", b"caf\xe9": b"3", b"caf%E9": b"4", b"a\nb": b"5",
        b"n" * 255: b"6", "さ".encode() * 85 + b"\n": b"7", b"deep/er/deposit.json": b"8", b"%": b"9",
        b"\\": b"10", b"d%0A": b"11", b"d\n/inside": b"12",
    }  # fmt: skip

    kept(empty, draft("Aria", names))

    vault = empty.home / "vault"
    for key, (identifier, path) in held(empty).items():
        raw = next(name for name in names if key == f"Aria/{name.decode('utf-8', 'backslashreplace')}")
        assert (vault / ocfl.object_path(identifier) / ocfl.CONTENT / path).read_bytes() == names[raw]
    assert faults(str(vault)) == []


def test_a_folder_called_deposit_json_does_not_stand_in_the_way(empty) -> None:
    kept(empty, draft("Aria", {b"deposit.json/1.wav": b"1"}))

    assert held(empty)["Aria/deposit.json/1.wav"][1] == "deposit%2Ejson/1.wav"


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.lists(st.sampled_from([b"a", b"b\n", b"\xff", b"deposit.json"]), min_size=1, max_size=2).map(
            b"/".join
        ),
        st.binary(max_size=3),
        min_size=1,
        max_size=6,
    ).filter(
        lambda files: not any(one != two and two.startswith(one + b"/") for one in files for two in files)
    )
)
def test_whatever_is_drafted_the_judge_takes(empty_once, tmp_path_factory, files) -> None:
    world = worlds.copied(empty_once, tmp_path_factory.mktemp("drafted"))

    kept(world, draft("Aria", files))

    assert faults(str(world.home / "vault")) == []
    assert len(held(world)) == len({name.decode("utf-8", "backslashreplace") for name in files})


def test_the_same_claims_give_the_same_object_whenever_they_are_kept(
    empty, empty_once, tmp_path_factory
) -> None:
    other = worlds.copied(empty_once, tmp_path_factory.mktemp("later"))

    for world, order in ((empty, ("Aria", "Etude")), (other, ("Etude", "Aria"))):
        for deposit in order:
            kept(world, draft(deposit, DEPOSITS[deposit]))

    assert empty.tree() == other.tree()


def changing(finding: Finding) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        yield b"the beginning of what was"
        raise SourceChanged(finding)

    return chunks


def test_a_file_that_changed_is_refused_and_the_rest_is_kept(empty) -> None:
    """Also when it leaves a folder empty, which an OCFL object may not have."""
    finding = Finding("source-changed", "Aria/CD2/2", "5 bytes now")
    whole = draft("Aria", {b"1": b"1", b"CD2/2": b"", b"CD2/deep/3": b""})
    changed = [DraftFile(f.key, f.stamp, f.name, changing(finding)) for f in whole.files[1:]]

    committer, report = kept(
        empty, ObjectDraft(whole.source, whole.deposit, whole.received_at, [], [whole.files[0], *changed])
    )

    assert report.findings == [finding, finding]
    assert (committer.counts.files, committer.counts.refused) == (1, 2)
    assert list(held(empty)) == ["Aria/1"]
    assert not any("CD2" in path for path in empty.files())
    assert faults(str(empty.home / "vault")) == []


def test_when_all_files_changed_nothing_is_left_behind(empty) -> None:
    whole = draft("Aria", {b"1": b"1"})
    changed = [
        DraftFile(f.key, f.stamp, f.name, changing(Finding("source-gone", f.key))) for f in whole.files
    ]

    kept(empty, ObjectDraft(whole.source, whole.deposit, whole.received_at, [], changed))

    assert held(empty) == {}
    assert [n for n in os.listdir(empty.home / "staging") if n.startswith("batch-")] == []


def test_files_that_vanish_beside_others_never_take_their_folder(empty) -> None:
    """Refusals in one folder, many times: no other file may lose its folder meanwhile."""
    for number in range(30):
        files = {f"f/{number}-{n}".encode(): f"{number}-{n}".encode() for n in range(6)}
        whole = draft(f"D{number}", files)
        finding = Finding("source-gone", "f")
        mixed = [
            DraftFile(f.key, f.stamp, f.name, changing(finding)) if n % 2 == 0 else f
            for n, f in enumerate(whole.files)
        ]
        kept(empty, ObjectDraft(whole.source, whole.deposit, whole.received_at, [], mixed))

    assert len(held(empty)) == 90


def test_an_object_whose_deposit_cannot_be_read_is_not_kept_twice(empty) -> None:
    """state.sqlite is lost and deposit.json damaged: nobody knows what the object holds, yet it is held."""
    kept(empty, draft("Aria", DEPOSITS["Aria"]))
    (path,) = (empty.home / "vault").glob("*/*/*/v1/content/deposit.json")
    worlds.flip(path)
    lose_state(empty)
    before = empty.tree()

    kept(empty, draft("Aria", DEPOSITS["Aria"]))

    assert empty.tree() == before
    assert len(held(empty)) == len(DEPOSITS["Aria"])


def lose_state(world: worlds.World) -> None:
    for path in world.home.glob("state.sqlite*"):
        path.unlink()


def test_the_index_comes_back_from_journal_and_vault(kept_once, tmp_path) -> None:
    world = worlds.copied(kept_once, tmp_path)
    with world.open() as opened:
        before = [h for batch in opened.index.held_batches() for h in batch]
        objects = list(opened.index.objects())
    lose_state(world)

    with world.open() as opened:
        assert [h for batch in opened.index.held_batches() for h in batch] == before
        assert list(opened.index.objects()) == objects


def test_a_deposit_that_lies_is_not_believed(empty) -> None:
    """A flipped digest there must not make sound bytes look damaged once the index is built anew."""
    kept(empty, draft("Aria", DEPOSITS["Aria"]))
    (path,) = (empty.home / "vault").glob("*/*/*/v1/content/deposit.json")
    worlds.flip(path, path.read_bytes().index(b'"blake3":"') + 12)
    lose_state(empty)

    with empty.open() as opened:
        findings = opened.audit(Silence()).findings

    assert [f.where for f in findings] == [str(path.relative_to(empty.home))]


def test_foreign_bytes_at_an_objects_path_are_never_replaced(empty, empty_once, tmp_path_factory) -> None:
    other = worlds.copied(empty_once, tmp_path_factory.mktemp("other"))
    kept(other, draft("Aria", {b"1": b"1"}))
    (there,) = (other.home / "vault").glob("*/*/urn*")
    target = empty.home / there.relative_to(other.home)
    target.mkdir(parents=True)
    (target / "mine").write_bytes(b"not to be lost")

    with pytest.raises(StorageFailed, match="Something else"):
        kept(empty, draft("Aria", {b"1": b"1"}))

    assert (target / "mine").read_bytes() == b"not to be lost"
    (target / "mine").unlink()
    target.rmdir()
    kept(empty)
    assert list(held(empty)) == ["Aria/1"]
