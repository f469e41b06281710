"""The course of a trial: fill, build, weigh, ask, judge."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from lockgroove.campaigns.refresh import rebuild, refresh
from lockgroove.campaigns.rooms import Rooms
from lockgroove.campaigns.trial.asking import ask
from lockgroove.campaigns.trial.figures import DiskWatch, Figures, peak_memory_bytes, size_of, timed
from lockgroove.campaigns.trial.filling import CHANGED_TRUTH, TRUTH, fill, fill_changes
from lockgroove.campaigns.trial.judging import judge
from lockgroove.catalogue import generations
from lockgroove.catalogue.merging import table_now
from lockgroove.coverage.curve import measure_coverage
from lockgroove.engines import open_engine
from lockgroove.errors import UsageError
from lockgroove.report import Report

_BESIDE = ("catalogue", "cache", "staging")
_CHANGED_SHARE = 0.01


def run(
    rooms: Rooms,
    tracks: int,
    seed: int,
    questions: int,
    report: Report,
    tell: Callable[[dict[str, Any]], None],
) -> Figures:
    """All of it; each figure is told as it is taken.

    Raises UsageError where claims that were not generated are in the way.
    """
    if rooms.store.parts() and not os.path.isdir(f"{rooms.root}/{TRUTH}"):
        raise UsageError("This archive has claims of its own", rooms.root, "Name an empty folder with -C.")
    figures = Figures(tracks, tell)
    with timed(figures, "claims generated and kept"):
        fill(rooms, tracks, seed, report)
    claims = size_of(f"{rooms.root}/claims")
    figures.add("claims", claims, "bytes")
    generation = _build(rooms, figures, report)
    _weigh(generation, figures)
    _cover(rooms, generation, figures, "coverage by listens")
    ask(generation, questions, seed, figures)
    judge(rooms.root, generation, figures)
    _change(rooms, seed, figures, report)
    return figures


def _change(rooms: Rooms, seed: int, figures: Figures, report: Report) -> None:
    """Have a share of the claims changed, and the catalogue brought up to date."""
    fill_changes(rooms, figures.tracks, seed, _CHANGED_SHARE, report)
    beside = [f"{rooms.root}/{name}" for name in _BESIDE]
    before = sum(map(size_of, beside))
    with timed(figures, f"{_CHANGED_SHARE:.0%} of claims changed: catalogue brought up to date", "60 s"):
        generation = refresh(rooms, report)
    _cover(rooms, generation, figures, "coverage by listens after that")
    figures.add("  disk that took", sum(map(size_of, beside)) - before, "bytes")
    figures.add("  built whole", int(generation.is_whole), "")


def _build(rooms: Rooms, figures: Figures, report: Report) -> generations.Generation:
    was_changed = os.path.isdir(f"{rooms.root}/{CHANGED_TRUTH}")
    current = generations.current(rooms.root) if was_changed else rooms.current()
    if current is not None:
        return current
    beside = [f"{rooms.root}/{name}" for name in _BESIDE]
    with DiskWatch(beside) as watch, timed(figures, "build, all stages"):
        generation = rebuild(rooms, report)
    for stage, seconds in generation.summary["seconds"].items():
        figures.add(f"  stage {stage}", float(seconds), "s")
    figures.add("peak memory of a process", peak_memory_bytes(), "bytes", "24 GB")
    figures.add("most disk beside the claims", watch.most_bytes, "bytes", "40 GB")
    return generation


def _weigh(generation: generations.Generation, figures: Figures) -> None:
    folder, tracks = generation.private, figures.tracks
    names = sorted(name for name in os.listdir(folder) if name.endswith(".parquet"))
    sizes = {name: os.path.getsize(f"{folder}/{name}") for name in names}
    for name, size in sizes.items():
        figures.add(f"  table {name.removesuffix('.parquet')}", size / tracks, "B/track")
    figures.add("tables", sum(sizes.values()) / tracks, "B/track", "40 B/track")
    figures.add("key index", os.path.getsize(f"{folder}/keys.bin") / tracks, "B/track")
    search = size_of(f"{generation.folder}/search-{generations.PRIVATE}")
    figures.add("search index", search / tracks, "B/track", "40 B/track")
    state = size_of(generations.state_beside(folder))
    figures.add("members, and what a delta starts from", state / tracks, "B/track")


def _cover(rooms: Rooms, generation: generations.Generation, figures: Figures, name: str) -> None:
    with rooms.scratch("coverage") as scratch:
        engine = open_engine(None, scratch)
        try:
            with timed(figures, name, "10 s"):
                recordings = table_now(engine, generation.private, "recordings")
                held = recordings.select("listens").mutate(held=recordings.listens < 0)
                coverage = measure_coverage(engine, held)
        finally:
            engine.close()
    for share in (0.9, 0.99, 0.996):
        point = next((p for p in coverage.curve if p.listens >= share * coverage.listens), coverage.curve[-1])
        part = 100 * point.recordings / max(1, coverage.recordings)
        figures.add(f"  recordings that hold {share:.1%} of listens", part, "%")
