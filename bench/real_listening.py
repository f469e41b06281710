"""Real listeners, where licences allow it: nobody among them is told, and a group hidden among them is.

Counts of artists of HetRec 2011 and one user's plays of Last.fm-1K: both are for use that is not commercial,
and neither is shipped here. Of HetRec only artists are known, at most 50 of each user, and no time.
"""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from guarded import FIELDS, TRACKS, Scene, tell

from lockgroove.guard.coincidence import Pairs
from lockgroove.guard.digests import Digests
from lockgroove.guard.events import Batch, Kind, empty
from lockgroove.guard.groups import find_groups
from lockgroove.guard.halves import groups_by_halves
from lockgroove.guard.replay import replay
from lockgroove.report import Silence

SIZES = (20, 30, 50, 100)
SEEDS = (1, 2, 3)
# How many users have an artist: each step is a stratum.
_STEPS = np.array([1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233])


def judged(scene: Scene, hetrec: str | None, plays: str | None) -> None:
    """Groups among real users, and one real user alone."""
    if hetrec is None or plays is None:
        print("Real listening is left out: --hetrec and --plays name it.")
    if hetrec is not None:
        _groups(scene, Path(hetrec))
    if plays is not None:
        _alone(scene, Path(plays))


@dataclass(frozen=True)
class _Users:
    """Half of the users, by number, with their artists, whose popularity the other half tells."""

    count: int
    user: np.ndarray
    artist: np.ndarray
    stratum: np.ndarray

    def of(self, number: int) -> np.ndarray:
        return self.artist[self.user == number]


def _groups(scene: Scene, folder: Path) -> None:
    with gzip.open(folder / "user_artists.dat.gz", "rt") as file:
        table = np.loadtxt(file, np.int64, skiprows=1, usecols=(0, 1))
    users, user = np.unique(table[:, 0], return_inverse=True)
    artists, artist = np.unique(table[:, 1], return_inverse=True)
    found = groups_by_halves(user, artist, len(artists), np.random.default_rng(scene.seed))
    told = sum(len(group.members) for group in found)
    tell(scene, "real users, popularity from the same: told", told, "users", 0, users=len(users))
    for seed in SEEDS:
        rng = np.random.default_rng([scene.seed, seed])
        judged_here = rng.random(len(users)) < 0.5
        heard = np.bincount(artist[~judged_here[user]], minlength=len(artists))
        part = judged_here[user]
        number = np.unique(user[part], return_inverse=True)[1]
        stratum = np.searchsorted(_STEPS, heard, side="right")
        half = _Users(int(number.max()) + 1, number, artist[part], stratum)
        told = sum(len(group.members) for group in find_groups(Pairs.of(number, artist[part], stratum), rng))
        tell(scene, f"real users, half {seed}: told", told, "users", 0, users=half.count)
        for size in SIZES:
            _hidden(scene, half, size, seed, rng)


def _hidden(scene: Scene, half: _Users, size: int, seed: int, rng: np.random.Generator) -> None:
    """Each of the group has as many artists, as popular, as some real user, and none that the group has."""
    taken = np.zeros(len(half.stratum), bool)
    account, artist = [half.user], [half.artist]
    for number, copied in enumerate(rng.choice(half.count, size, False)):
        chosen = _like(half.of(copied), half.stratum, taken, rng)
        taken[chosen] = True
        account.append(np.full(len(chosen), half.count + number))
        artist.append(chosen)
    found = find_groups(Pairs.of(np.concatenate(account), np.concatenate(artist), half.stratum), rng)
    told = np.concatenate([group.members for group in found] or [np.zeros(0, np.int64)])
    certain = np.concatenate([group.certain for group in found] or [np.zeros(0, np.int64)])
    tell(
        scene, f"{size} hidden among real users by artists, half {seed}",
        float((told >= half.count).mean()) if len(told) else 0.0, "precision", 0.95, told=len(told),
        certain=len(certain), wrongly_certain=int(np.count_nonzero(certain < half.count)), users=half.count,
    )  # fmt: skip


def _like(had: np.ndarray, stratum: np.ndarray, taken: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Artists as popular as these; where the group has all of those, the next rarer ones."""
    chosen = [np.zeros(0, np.int64)]
    free = [
        rng.permutation(np.flatnonzero((stratum == number) & ~taken)) for number in range(len(_STEPS) + 1)
    ]
    for number, count in sorted(zip(*np.unique(stratum[had], return_counts=True), strict=True), reverse=True):
        left = int(count)
        for rarer in range(number, -1, -1):
            picked, free[rarer] = free[rarer][:left], free[rarer][left:]
            chosen.append(picked)
            left -= len(picked)
    return np.concatenate(chosen)


def _alone(scene: Scene, path: Path) -> None:
    digests = Digests(b"benchmark" * 4)
    told = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            who, at, _, artist, _, title = line.rstrip("\n").split("\t")
            told.append((datetime.fromisoformat(at), who, f"{artist}\t{title}"))
    told.sort()
    rows = empty(len(told))
    rows["ts_ms"] = [int(at.timestamp() * 1000) for at, _, _ in told]
    rows["account"] = [digests.of("account", who) for _, who, _ in told]
    rows["track"] = [digests.of("track", track) for _, _, track in told]
    rows["kind"], rows["status"] = Kind.STREAM_START, 200
    fields = frozenset({"ts_ms", "account", "track", "kind"})
    assert fields < FIELDS
    for words, tracks in (("the catalogue is what was played", 0), ("of a million tracks", TRACKS)):
        with tempfile.TemporaryDirectory() as scratch:
            found = replay([Batch(rows, fields)], scratch, Silence(), tracks)
        days = sum(len(one.alarms) for one in found.suspects)
        tell(
            scene, f"one real user, {words}: flagged", days, f"of {found.account_days} account-days", 0,
            plays=len(rows), suspects=[[one.plays, one.fresh, one.families] for one in found.suspects],
        )  # fmt: skip
