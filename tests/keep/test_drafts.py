"""Rows become drafts of one deposit under one statement, bounded, each file once and as it was gathered."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import worlds
from lockgroove import archive
from lockgroove.keep import drafts, drafts_of, open_shelf_file
from lockgroove.report import Silence
from lockgroove.vault.commit import ObjectDraft, SourceChanged

AT = "2026-01-02T03:04:05.000000Z"


def row(
    deposit: str, number: int, statement: str = "s", size: int = 10, source: str = "shelf-1"
) -> dict[str, Any]:
    key = f"{number}" if deposit == "." else f"{deposit}/{number}"
    return {
        "source": source, "key": key, "stamp": "1-2", "deposit": deposit, "size_bytes": size,
        "statement": statement, "stated": '[{"text": "CC0", "where": "LICENSE"}]', "gathered_at": AT,
    }  # fmt: skip


def drafted(rows: list[dict[str, Any]]) -> list[ObjectDraft]:
    return list(drafts_of(rows, lambda source, key, stamp: iter([f"{source}:{key}:{stamp}".encode()])))


@given(
    st.lists(
        st.tuples(st.sampled_from(["A", "B", "."]), st.sampled_from(["s", "t"]), st.integers(0, 40)),
        max_size=40,
    )
)
def test_every_row_is_drafted_once_in_order_and_bounded(specs) -> None:
    rows = [row(deposit, n, statement, size) for n, (deposit, statement, size) in enumerate(specs)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drafts, "FILES_MAX", 4)
        patch.setattr(drafts, "BYTES_MAX", 60)
        found = drafted(rows)

    assert [f.key for draft in found for f in draft.files] == [r["key"] for r in rows]
    by_key = {r["key"]: r for r in rows}
    for draft in found:
        mine = [by_key[f.key] for f in draft.files]
        assert len({(r["source"], r["deposit"], r["statement"]) for r in mine}) == 1
        assert 1 <= len(mine) <= 4
        assert len(mine) == 1 or sum(r["size_bytes"] for r in mine) <= 60
        assert (draft.deposit, draft.licences) == (mine[0]["deposit"], [{"text": "CC0", "where": "LICENSE"}])


def test_no_rows_are_no_drafts() -> None:
    assert drafted([]) == []


def test_a_file_is_read_by_its_own_source_key_and_stamp() -> None:
    (draft,) = drafted([row("A", 1), row("A", 2)])

    assert [b"".join(f.chunks()) for f in draft.files] == [b"shelf-1:A/1:1-2", b"shelf-1:A/2:1-2"]


def test_names_are_those_below_the_deposit_and_bytes_again() -> None:
    rows = [row("A", 1) | {"key": "A/CD1/caf%E9%0A.wav"}, row("A", 1) | {"key": "A/A/1"}]
    (draft,) = drafted(rows)
    (top,) = drafted([row(".", 1) | {"key": "A/1"}])

    assert [f.name for f in draft.files] == [b"CD1/caf\xe9\n.wav", b"A/1"]
    assert [f.name for f in top.files] == [b"A/1"]


def test_a_deposit_of_many_files_is_cut_into_objects_of_at_most_500(tmp_path: Path) -> None:
    files = {f"Many/{n:04}.wav".encode(): worlds.wav(n, 20) for n in range(1100)}
    world = worlds.gathered(tmp_path, files)

    with world.open() as opened:
        result, _ = opened.keep(Silence())
        objects = [held.files for held in opened.index.objects()]

    assert (result.files, result.objects) == (1100, 3)
    assert sorted(objects) == [100, 500, 500]


# the shelf's file, if it is still the one that was gathered


@pytest.fixture
def shelf(tmp_path: Path) -> bytes:
    worlds.fill(str(tmp_path), {b"A/1.wav": b"x" * 3000})
    return os.fsencode(tmp_path)


STAMP = f"3000-{1_600_000_000 * 10**9}"


def test_the_bytes_that_were_gathered_are_given(shelf) -> None:
    assert b"".join(open_shelf_file(shelf, "A/1.wav", STAMP)) == b"x" * 3000


def touched(path: Path) -> None:
    os.utime(path, (1, 1))


def grown(path: Path) -> None:
    path.write_bytes(b"x" * 3001)
    os.utime(path, (1_600_000_000, 1_600_000_000))


def removed(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (touched, "source-changed"),
        (grown, "source-changed"),
        (removed, "source-gone"),
        (a_folder, "unreadable"),
        (a_pipe, "source-changed"),
        (a_loop, "unreadable"),
    ],
)
def test_a_file_that_is_another_now_is_a_finding(shelf, change: Callable[[Path], None], code: str) -> None:
    change(Path(os.fsdecode(shelf)) / "A/1.wav")

    with pytest.raises(SourceChanged) as changed:
        list(open_shelf_file(shelf, "A/1.wav", STAMP))

    assert changed.value.finding.code == code
    assert "A/1.wav" in changed.value.finding.where


def test_a_file_that_changes_while_it_is_read_is_a_finding(shelf) -> None:
    chunks = open_shelf_file(shelf, "A/1.wav", STAMP)
    next(chunks)
    touched(Path(os.fsdecode(shelf)) / "A/1.wav")

    with pytest.raises(SourceChanged):
        list(chunks)


# whole runs


def test_keeping_twice_keeps_nothing_new(gathered) -> None:
    with gathered.open() as opened:
        first, _ = opened.keep(Silence())
        before = gathered.tree()
        again, _ = opened.keep(Silence())

    assert first.objects == 3
    assert (again.objects, again.files, again.elsewhere) == (0, 0, 0)
    assert gathered.tree() == before


def test_what_is_kept_is_what_lay_on_the_shelf(gathered) -> None:
    with gathered.open() as opened:
        opened.keep(Silence())
        held = {h.key: h for batch in opened.index.held_batches() for h in batch}
        stored = {
            key: b"".join(
                opened.storage.read(f"vault/{opened.index.object(h.object_id).path}/v1/content/{h.path}")
            )
            for key, h in held.items()
        }

    assert sorted(stored.values()) == sorted(worlds.SHELF.values())


def test_a_changed_file_is_refused_and_kept_after_it_is_gathered_again(tmp_path: Path) -> None:
    world = worlds.gathered(tmp_path, {b"A/1.wav": worlds.wav(1), b"A/2.wav": worlds.wav(2)})
    path = Path(world.shelf) / "A/2.wav"
    path.write_bytes(worlds.wav(3))
    report = Silence()

    with world.open() as opened:
        first, _ = opened.keep(report)
        opened.gather_folder(world.shelf, None, False, Silence())
        second, _ = opened.keep(Silence())

    assert (first.files, first.refused) == (1, 1)
    assert [f.code for f in report.findings] == ["source-changed"]
    assert second.files == 1


def test_a_shelf_whose_name_is_not_utf_8_is_kept(tmp_path: Path) -> None:
    shelf = os.fsdecode(os.fsencode(tmp_path) + b"/sh\xe9lf")
    worlds.fill(shelf, {b"A/1.wav": worlds.wav(1)})

    with archive.init(str(tmp_path / "archive")) as opened:
        opened.gather_folder(shelf, None, False, Silence())
        result, _ = opened.keep(Silence())

    assert result.files == 1
