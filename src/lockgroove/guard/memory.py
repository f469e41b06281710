"""All that the guard remembers, as one thing that is saved and brought back."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lockgroove.guard import calibration, snapshot
from lockgroove.guard.calibration import BUCKET_EDGES
from lockgroove.guard.customs import Customs
from lockgroove.guard.eventlog import Position
from lockgroove.guard.quotas import Quotas
from lockgroove.guard.seen import Seen
from lockgroove.guard.together import Popularity
from lockgroove.guard.watch import Rules, Watch

_FILE = "memory.npz"
_RARE_FROM = 1 + BUCKET_EDGES.index(0.1)


class Memory:
    """Accounts, tracks, what was met and shown, what is owed, and what is usual.

    `listens` counts the tracks of the catalogue by how popular they are known to be (`events.popularity`),
    all zeros where nobody knows. Where the `terms` of a kind of quota (`quotas.terms_of`) are not those of
    before, nobody owes anything in it any more.
    """

    def __init__(self, folder: str, pairs_bytes: int, listens: np.ndarray, terms: Sequence[int] = ()) -> None:
        self._path = f"{folder}/{_FILE}"
        self._listens = listens
        self._terms = np.array(terms, np.uint64)
        self.watch = Watch(Rules.none(), Seen(pairs_bytes))
        self.shown = Seen(pairs_bytes)
        self.quotas = Quotas()
        self.tops = calibration.Tops()
        self.customs = Customs()
        self.calibrated_day = 0
        self.ended_day = 0  # up to which all that is done once a day was done
        self.rates = calibration.shipped_ratios()
        self.thresholds = calibration.shipped_thresholds()
        self.set_rules()

    def set_rules(self) -> None:
        """Weigh by what is known now."""
        bucket_of, _ = self.popularity()
        self.watch.rules = Rules(bucket_of, self.rates, self.thresholds)

    def popularity(self) -> tuple[np.ndarray, np.ndarray]:
        """The bucket for each value of a track's byte, and the share of the catalogue in each bucket."""
        heard = np.bincount(self.watch.heard[: self.watch.tracks.count], minlength=256)
        known = self._listens if self.knows_popularity else heard
        return calibration.bucket_edges_of(known)

    def strata(self) -> Popularity | None:
        """The buckets of tracks and their sizes, where the catalogue tells how often its tracks are heard."""
        if not self.knows_popularity:
            return None
        bucket_of, _ = self.popularity()
        watch, count = self.watch, self.watch.tracks.count
        sizes = np.bincount(bucket_of, self._listens, len(BUCKET_EDGES)).astype(np.int64)
        return Popularity(watch.tracks.keys[:count].copy(), bucket_of[watch.heard[:count]], sizes)

    @property
    def knows_popularity(self) -> bool:
        """Whether the catalogue tells how often its tracks are heard."""
        return bool(self._listens[1:].any())

    def is_rare(self, prior: int) -> bool:
        """Whether a track of this popularity is outside the tenth that people hear most, if that is known."""
        return self.knows_popularity and int(self.watch.rules.bucket_of[prior]) >= _RARE_FROM

    def save(self, position: Position) -> None:
        """Keep all of it; durable on return."""
        parts = {
            "watch": self.watch.saved(), "met": self.watch.seen.saved(), "shown": self.shown.saved(),
            "quotas": {**self.quotas.saved(), "terms": self._terms},
            "customs": self.customs.saved(), "tops": self.tops.saved(),
            "rules": {
                "rates": self.rates, "thresholds": self.thresholds, "day": np.array([self.calibrated_day]),
                "ended": np.array([self.ended_day]),
            },
        }  # fmt: skip
        snapshot.save(self._path, parts, position)

    def restore(self) -> Position | None:
        """Bring back what was kept, and tell from where the log must be gone over.

        None where something was kept and cannot be read; the log's beginning where nothing was.
        """
        found = snapshot.load(self._path)
        if found is None:
            return None if os.path.exists(self._path) else Position()
        parts, position = found
        self.watch.restore(parts["watch"])
        self.watch.seen.restore(parts["met"])
        for name, part in (
            ("shown", self.shown),
            ("quotas", self.quotas),
            ("customs", self.customs),
            ("tops", self.tops),
        ):
            part.restore(parts[name])
        self._settle(parts["quotas"].get("terms", self._terms))
        rules = parts["rules"]
        self.rates, self.thresholds = rules["rates"], rules["thresholds"]
        self.calibrated_day, self.ended_day = int(rules["day"][0]), int(rules["ended"][0])
        self.set_rules()
        return position

    def _settle(self, before: np.ndarray) -> None:
        """What is owed under terms that hold no more is not owed any more."""
        if len(before) == len(self._terms):
            self.quotas.forgive(np.nonzero(before != self._terms)[0].tolist())
