"""Audit names exactly what is damaged, here and at places; repair mends it or leaves it as it was."""

from __future__ import annotations

import os
import shutil

import pytest
from caring import (
    HARMS,
    PARTS,
    append,
    audited,
    delete,
    every_file,
    flip_one_bit,
    folder_in_its_place,
    link_to_the_same_bytes,
    more,
    named,
    quarantine,
    repaired,
    require_mended,
    truth,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import worlds
from lockgroove import durable, locks
from lockgroove.errors import Locked, StorageFailed
from lockgroove.report import Silence


def test_a_sound_archive_has_no_findings(kept) -> None:
    care = audited(kept)

    assert care.findings == []
    assert not care.damaged
    assert sorted(care.results) == ["here", "place"]
    files = [len(truth(root)) for root in (kept.home, kept.place)]
    assert [care.results[name].files for name in ("here", "place")] == files
    assert care.results["here"].bytes == sum(map(len, truth(kept.home).values()))


# one file


@pytest.mark.parametrize(
    ("at", "harm"),
    [
        *(("here", harm) for harm in HARMS),
        *(("place", h) for h in (flip_one_bit, delete, folder_in_its_place)),
    ],
)
def test_each_file_in_turn_is_named_alone_and_mended(kept, at, harm) -> None:
    """Content, deposit.json, both inventories and sidecars, declarations, root files, packs of claims."""
    before = truth(kept.home)
    root, prefix = (kept.home, "") if at == "here" else (kept.place, "place:")

    for path in every_file(kept):
        harm(root / path)
        if harm is append and path.startswith("claims/"):
            (root / path).write_bytes(before[path])
            continue  # bytes behind the acknowledged ones are nobody's
        care = audited(kept)
        assert named(care) == [prefix + path]
        assert care.damaged

        care = repaired(kept)
        assert care.mended == [prefix + path]
        assert (care.unmended, care.damaged) == ([], False)
        assert truth(kept.home) == truth(kept.place) == before
        assert quarantine(kept) == []
    require_mended(kept, before)


def test_a_link_to_good_bytes_is_not_a_kept_file(kept) -> None:
    before = truth(kept.home)
    path = next(p for p in kept.files() if p.endswith("01 One.wav"))
    link_to_the_same_bytes(kept.home / path)
    (kept.home / path).readlink().unlink()

    assert named(audited(kept)) == [path]

    repaired(kept)
    require_mended(kept, before)


@settings(max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_is_found_wherever_it_is(kept_once, tmp_path_factory, data) -> None:
    """Any bit of any file of vault, claims and journal, here or at the place: that file and no other."""
    world = worlds.copied(kept_once, tmp_path_factory.mktemp("flipped"))
    before = truth(world.home)
    root, prefix = data.draw(st.sampled_from([(world.home, ""), (world.place, "place:")]))
    files = [
        path for part in PARTS for path in worlds.files_below(root, part) if (root / path).stat().st_size
    ]
    path = root / data.draw(st.sampled_from(files))
    is_journal = path.suffix == ".jsonl"  # its very last byte: below
    last = path.stat().st_size - 1 - is_journal
    worlds.flip(path, data.draw(st.integers(0, last)), data.draw(st.integers(0, 7)))

    care = audited(world)
    again = repaired(world)

    assert named(care) == [prefix + str(path.relative_to(root))]
    assert again.mended == named(care)
    require_mended(world, before)
    shutil.rmtree(world.root)


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("where", ["home", "place"])
def test_the_very_last_byte_of_a_journal_may_flip_too(kept_once, tmp_path, where, bit) -> None:
    """Without its end a line looks like one that was cut while it was written, and it was not.

    A place writes that line again when it next catches up, which is at the end of the audit.
    """
    world = worlds.copied(kept_once, tmp_path)
    before = truth(world.home)
    root = getattr(world, where)
    (path,) = worlds.files_below(root, "journal")
    worlds.flip(root / path, (root / path).stat().st_size - 1, bit)

    care = audited(world)
    again = repaired(world)

    assert named(care) == ["place:" * (where == "place") + path]
    assert again.mended == ([path] if where == "home" else [])
    require_mended(world, before)


# more than one


def test_two_swapped_files_are_both_named(kept) -> None:
    before = truth(kept.home)
    one, two = (p for p in kept.files() if p.endswith((" One.wav", " again.wav")))
    for source, target in ((one, two), (two, one)):
        (kept.home / target).write_bytes(before[source])

    assert sorted(named(audited(kept))) == sorted([one, two])

    repaired(kept)
    require_mended(kept, before)


def test_an_object_that_lost_both_inventories_and_its_deposit_is_mended_in_one_go(kept) -> None:
    """While no inventory is good nobody can tell whether deposit.json is."""
    before = truth(kept.home)
    base = next(p.removesuffix("/inventory.json") for p in kept.files() if p.endswith("/inventory.json"))
    base = base.removesuffix("/v1")
    hurt = [f"{base}/{name}" for name in ("inventory.json", "v1/inventory.json", "v1/content/deposit.json")]
    for path in hurt:
        worlds.flip(kept.home / path)

    care = repaired(kept)

    assert sorted(care.mended) == sorted(hurt)
    assert not care.damaged
    require_mended(kept, before)


def test_a_whole_object_that_is_gone_is_mended(kept) -> None:
    before = truth(kept.home)
    gone = next((kept.home / "vault").glob("*/*/urn*"))
    shutil.rmtree(gone)

    care = audited(kept)
    repaired(kept)

    assert named(care)
    assert all(str(gone.relative_to(kept.home)) in where for where in named(care))
    require_mended(kept, before)


def test_everything_damaged_everywhere_but_never_the_same_file(kept) -> None:
    """Every other file here, the rest at the place: each side mends the other."""
    before = truth(kept.home)
    for number, path in enumerate(every_file(kept)):
        flip_one_bit((kept.home if number % 2 else kept.place) / path)

    care = repaired(kept)

    assert len(care.mended) == len(before)
    require_mended(kept, before)


def test_what_is_damaged_everywhere_is_unrepairable_and_nothing_gets_worse(kept) -> None:
    path = next(p for p in kept.files() if p.endswith("01 One.wav"))
    worlds.flip(kept.home / path, 10)
    worlds.flip(kept.place / path, 20)
    other = next(p for p in kept.files() if p.endswith("empty.txt"))
    (kept.home / other).unlink()
    hurt = [(root / path).read_bytes() for root in (kept.home, kept.place)]

    care = repaired(kept)

    assert [(f.code, f.where) for f in care.unmended] == [
        ("unrepairable", path),
        ("unrepairable", f"place:{path}"),
    ]
    assert care.mended == [other]
    assert care.damaged
    assert [(root / path).read_bytes() for root in (kept.home, kept.place)] == hurt
    assert named(audited(kept)) == [path, f"place:{path}"]


def test_without_a_place_only_what_tells_itself_is_mended(kept) -> None:
    """Declarations, sidecars and the root's own files follow from what is known."""
    with kept.open() as opened:
        opened.remove_place("place")
    before = truth(kept.home)
    for path in kept.files():
        flip_one_bit(kept.home / path)

    care = repaired(kept)

    told = {p for p in kept.files() if not before[p]} | {
        p
        for p in kept.files()
        if "=" in p or p.endswith((".sha512", "README.txt", "layout.json", "config.json"))
    }
    assert set(care.mended) == told
    silent = {p for p in kept.files() if p.endswith("deposit.json")}  # only a good inventory speaks of it
    assert {f.where for f in care.unmended} == set(kept.files()) - told - silent
    assert all((kept.home / path).read_bytes() == before[path] for path in told)


def test_claims_damaged_here_and_there_in_different_stretches_mend_each_other(kept) -> None:
    """A pack is as good as its acknowledged stretches, and each may come from elsewhere."""
    with kept.open() as opened:
        opened.gather_folder(more(kept), None, False, Silence())
        opened.keep(Silence())
        parts = opened.index.claim_parts()
    before = truth(kept.home)
    (path,) = {part[0] for part in parts}
    assert len(parts) >= 2
    worlds.flip(kept.home / path, parts[0][1] + 5)
    worlds.flip(kept.place / path, parts[-1][1] + 5)

    repaired(kept)

    require_mended(kept, before)


def test_a_pack_that_the_place_lacks_the_end_of_is_mended_all_the_same(kept) -> None:
    with kept.open() as opened:
        opened.gather_folder(more(kept), None, False, Silence())
        parts = opened.index.claim_parts()
    before = worlds.tree_below(kept.home, "claims")
    worlds.flip(kept.home / parts[0][0], parts[0][1] + 5)

    care = repaired(kept)

    assert care.mended == [parts[0][0]]
    assert worlds.tree_below(kept.home, "claims") == before


def test_a_pack_is_not_mended_while_it_is_written(kept) -> None:
    """Gather appends to it: what it acknowledges meanwhile must not be replaced by an older copy."""
    (path,) = kept.files("claims")
    worlds.flip(kept.home / path)

    with locks.hold(str(kept.home / "staging"), "claims"), pytest.raises(Locked):
        repaired(kept)


# what does not belong


def test_a_foreign_file_or_object_is_named_and_left_alone(kept) -> None:
    some = next(p for p in kept.files() if p.endswith("/v1/inventory.json")).removesuffix(
        "/v1/inventory.json"
    )
    foreign = ["vault/stray", "vault/zz/stray", "vault/zz/yy/urn%3aforeign", f"{some}/stray",
        f"{some}/v1/content/stray", f"{some}/logs/stray", "vault/extensions/stray"]  # fmt: skip
    for path in foreign:
        target = kept.home / path
        if path.endswith("foreign"):
            shutil.copytree(kept.home / some, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"stray")

    care = audited(kept)
    repaired(kept)

    assert not care.damaged
    assert sorted(named(care, "warning")) == sorted(foreign)
    assert all((kept.home / path).exists() for path in foreign)


def test_a_held_object_at_another_path_is_foreign(kept) -> None:
    some = next((kept.home / "vault").glob("*/*/urn*"))
    wrong = kept.home / "vault" / "00" / "11" / some.name
    shutil.copytree(some, wrong)

    assert named(audited(kept), "warning") == [str(wrong.relative_to(kept.home))]


def test_a_foreign_name_that_is_not_utf_8_can_be_told_and_journalled(kept) -> None:
    with open(os.fsencode(kept.home) + b"/vault/caf\xe9", "wb"):
        pass

    assert named(audited(kept), "warning") == ["vault/caf\udce9"]
    assert named(audited(kept), "warning") == ["vault/caf\udce9"]


def test_objects_of_a_decided_batch_are_not_foreign(gathered, monkeypatch) -> None:
    """Killed between rename and acknowledgement: to move them out, as advised, would undo the promise."""
    with gathered.open() as opened, monkeypatch.context() as patch:
        patch.setattr(durable, "append_durably", refusing)
        with pytest.raises(StorageFailed):
            opened.keep(Silence())
    assert list((gathered.home / "vault").glob("*/*/urn*"))

    care = audited(gathered)

    assert care.findings == []


def refusing(*args: object) -> None:
    raise OSError(5, "refused")
