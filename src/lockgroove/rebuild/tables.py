"""Both sets of tables, of everything and of what may be published, and a search index for each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from lockgroove.catalogue import generations
from lockgroove.catalogue.build import Inputs, Work, build_tables
from lockgroove.catalogue.build.staging import STAGES_FILE, Stages
from lockgroove.catalogue.claims import ClaimStore
from lockgroove.catalogue.facts import Facts, cached_facts
from lockgroove.rebuild.basis import Basis
from lockgroove.rebuild.handmatches import HandMatch, pairs
from lockgroove.rebuild.inputs import held_inputs, is_alike
from lockgroove.rebuild.judging import Judging
from lockgroove.rebuild.searching import build_search
from lockgroove.report import Report
from lockgroove.tables import WrittenFile
from lockgroove.vault import HeldIndex


@dataclass(frozen=True)
class Built:
    """What was built below a folder: files by their path in it, and the seconds that each stage took."""

    folder: str
    files: Sequence[WrittenFile]
    seconds: Mapping[str, float]


def build(
    root: str,
    folder: str,
    store: ClaimStore,
    index: HeldIndex,
    judging: Judging,
    matches: Sequence[HandMatch],
    report: Report,
    engine: str | None = None,
) -> Built:
    """Write `all/`, `public/` and search indexes below `folder`; what was done there is not done again."""
    stages = Stages(folder, report)
    facts = stages.made(
        "facts",
        lambda: cached_facts(store, f"{root}/cache", report),
        lambda made: made.save(f"{folder}/facts.json"),
        lambda: Facts.load(f"{folder}/facts.json") or cached_facts(store, f"{root}/cache", report),
    )
    alike = is_alike(store)
    files: list[WrittenFile] = []
    for name in (generations.PRIVATE, generations.PUBLIC):
        if name == generations.PUBLIC and alike:
            stages.do("public-same", lambda: link_public(folder))
            files += renamed(files, name)
            break
        inputs = Inputs(
            facts=facts,
            listens=[f"{root}/{part.path}" for part in store.listens()],
            by_hand=pairs(matches),
            **held_inputs(root, index, f"{folder}/inputs"),
        )
        work = Work(
            inputs, f"{folder}/{name}", f"{folder}/scratch-{name}", name == generations.PUBLIC,
            generations.state_beside(f"{folder}/{name}"), engine, last=alike or name == generations.PUBLIC,
        )  # fmt: skip
        files += _named(name, build_tables(work, judging, stages.within(name)))
        stages.do(f"{name}-search", partial(_search_anew, folder, name))
    shutil.rmtree(f"{folder}/inputs", ignore_errors=True)
    Basis.of(store, matches).save(folder)
    return Built(folder, files, stages.seconds)


def link_public(folder: str) -> None:
    """What may be published is all that there is: the same files stand under both names."""
    for private, public in (
        (generations.PRIVATE, generations.PUBLIC),
        (f"search-{generations.PRIVATE}", f"search-{generations.PUBLIC}"),
        (f"{generations.STATE}-{generations.PRIVATE}", f"{generations.STATE}-{generations.PUBLIC}"),
    ):
        shutil.rmtree(f"{folder}/{public}", ignore_errors=True)
        shutil.copytree(f"{folder}/{private}", f"{folder}/{public}", copy_function=os.link)


def renamed(files: Sequence[WrittenFile], name: str) -> list[WrittenFile]:
    """The same files in another of the folders."""
    return [replace(f, path=f"{name}/{f.path.partition('/')[2]}") for f in files]


def _named(name: str, written: Sequence[WrittenFile]) -> list[WrittenFile]:
    return [WrittenFile(f"{name}/{f.path}", f.size_bytes, f.sha256, f.rows) for f in written]


def begun(folder: str) -> bool:
    """Whether a whole build was begun there, to be gone on with; anything else that lies there goes."""
    if os.path.exists(f"{folder}/{STAGES_FILE}"):
        return True
    shutil.rmtree(folder)
    os.makedirs(folder)
    return False


def _search_anew(folder: str, name: str) -> None:
    target = f"{folder}/search-{name}"
    shutil.rmtree(target, ignore_errors=True)
    build_search(f"{folder}/{name}", target)
