"""The tables brought up to date by a delta beside a whole build, where little changed since that was made."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from lockgroove.catalogue import generations, layers
from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.catalogue.deltas import Base, Change, TooMuchChanged, make_delta
from lockgroove.catalogue.facts import Facts, cached_facts, facts_there
from lockgroove.catalogue.facts.rereading import nodes_of
from lockgroove.rebuild.basis import Basis, parts_named
from lockgroove.rebuild.handmatches import HandMatch, pairs
from lockgroove.rebuild.inputs import held_inputs, is_alike
from lockgroove.rebuild.judging import Judging
from lockgroove.rebuild.tables import Built, link_public, renamed
from lockgroove.report import Report
from lockgroove.tables import WrittenFile, describe
from lockgroove.vault import HeldIndex

# Below so many bytes of claims a whole build takes as little; above one in so many, not much more.
WHOLE_BYTES = 24 << 20
_SHARE_MAX = 10
# What is made anew from the tables of every generation.
NOT_OF_THE_BASE = ("ledger.parquet", "plan.parquet", "keep.parquet")


def build_changes(
    root: str,
    folder: str,
    before: generations.Generation,
    store: ClaimStore,
    index: HeldIndex,
    judging: Judging,
    matches: Sequence[HandMatch],
    report: Report,
) -> Built | None:
    """Write the tables of `before` with a delta beside them; None where only a whole build will do."""
    basis = Basis.load(before.folder)
    if basis is None:
        return None
    parts = [part for part in store.parts() if not part.is_listens]
    known, fresh = parts_named(parts, basis.claims)
    if len(known) < len(basis.claims) or not _is_little(known, fresh):
        return None
    began = time.monotonic()
    report.progress("catalogue", 0, None, "changes")
    of_fresh = cached_facts(store, f"{root}/cache", report, fresh)
    of_known = facts_there(f"{root}/cache", known)
    if len(of_known.folders) < len(known):
        return None
    change = Change(
        facts=Facts([*of_known.folders, *of_fresh.folders]),
        fresh=of_fresh,
        listens=[f"{root}/{part.path}" for part in store.listens()],
        counted=[f"{root}/{path}" for path in _counted(store, basis)],
        by_hand=pairs(matches),
        said=_said(matches, basis),
        nodes_of=partial(nodes_of, store, known),
        **held_inputs(root, index, f"{folder}/inputs"),
    )
    try:
        files = _write(folder, before, change, judging, is_alike(store))
    except TooMuchChanged:
        shutil.rmtree(folder)
        os.makedirs(folder)
        return None
    shutil.rmtree(f"{folder}/inputs", ignore_errors=True)
    basis.save(folder)
    return Built(folder, files, {"changes": round(time.monotonic() - began, 3)})


def _is_little(known: Sequence[Part], fresh: Sequence[Part]) -> bool:
    before, more = (sum(part.length for part in parts) for parts in (known, fresh))
    return before >= WHOLE_BYTES and more * _SHARE_MAX <= before


def _counted(store: ClaimStore, basis: Basis) -> list[str]:
    """Paths of listens that count now or counted then, but not both."""
    kept, more = parts_named(store.listens(), basis.listens)
    still = {part.path for part in kept}
    return [*(part.path for part in more), *(path for path, _, _ in basis.listens if path not in still)]


def _said(matches: Sequence[HandMatch], basis: Basis) -> list[bytes]:
    """The ids of whatever was said by hand since, or is unsaid, or counts in another order."""
    now = Basis.of_hand(matches)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(now, basis.by_hand, strict=False)))
    differ = [*now[alike:], *basis.by_hand[alike:]]
    return [bytes.fromhex(own_id) for one, other, _ in differ for own_id in (one, other)]


def _write(
    folder: str, before: generations.Generation, change: Change, judging: Judging, alike: bool
) -> list[WrittenFile]:
    """Both sets of tables below `folder`; where all may be told of, they are the same files."""
    files: list[WrittenFile] = []
    for name in (generations.PRIVATE, generations.PUBLIC):
        if name == generations.PUBLIC and alike:
            link_public(folder)
            files += renamed(files, name)
            break
        linked = _link(before, folder, name)
        target = f"{folder}/{name}"
        base = Base(target, generations.state_beside(target))
        search, scratch = f"{folder}/search-{name}", f"{folder}/scratch"
        make_delta(base, change, target, search, name == generations.PUBLIC, judging, scratch)
        made = sorted(os.listdir(f"{target}/{generations.DELTA}"))
        files += linked
        files += [describe(folder, f"{name}/{generations.DELTA}/{path}") for path in made]
    return files


def _link(before: generations.Generation, folder: str, name: str) -> list[WrittenFile]:
    """The base as it is in an earlier generation, without that one's delta; the files of its tables."""
    for part in (name, f"{generations.STATE}-{name}", f"search-{name}"):
        shutil.copytree(
            f"{before.folder}/{part}", f"{folder}/{part}", copy_function=os.link,
            ignore=shutil.ignore_patterns(generations.DELTA, layers.SEARCH_DELTA, *NOT_OF_THE_BASE),
        )  # fmt: skip
    return [
        file for file in generations.files_of(before)
        if os.path.exists(f"{folder}/{file.path}") and file.path.startswith(f"{name}/")
    ]  # fmt: skip
