"""What a whole build was made from, kept beside it: a later build can tell what came since."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from lockgroove.catalogue import generations
from lockgroove.catalogue.claims import ClaimStore, Part
from lockgroove.rebuild.handmatches import HandMatch, pairs

_FILE = "basis.json"
_Named = tuple[str, int, str]


@dataclass(frozen=True)
class Basis:
    """Parts of claims and of listens, and pairs that somebody matched or parted, as ids in hex."""

    making: Sequence[int]
    claims: Sequence[_Named]
    listens: Sequence[_Named]
    by_hand: Sequence[tuple[str, str, bool]]

    @staticmethod
    def of(store: ClaimStore, matches: Sequence[HandMatch]) -> Basis:
        """All that there is now."""
        claims = [_named(part) for part in store.parts() if not part.is_listens]
        return Basis(
            generations.making(), claims, [_named(part) for part in store.listens()], Basis.of_hand(matches)
        )

    @staticmethod
    def of_hand(matches: Sequence[HandMatch]) -> list[tuple[str, str, bool]]:
        """Matches by hand in the order in which they count."""
        return [(one.hex(), other.hex(), same) for one, other, same in pairs(matches)]

    def save(self, folder: str) -> None:
        """Keep it in the folder of a generation."""
        with open(f"{folder}/{_FILE}", "w", encoding="utf-8") as file:
            json.dump(self.__dict__, file)

    @staticmethod
    def load(folder: str) -> Basis | None:
        """That of a generation; None where there is none, or where the same claims make other tables now."""
        if not os.path.exists(f"{folder}/{_FILE}"):
            return None
        with open(f"{folder}/{_FILE}", encoding="utf-8") as file:
            told = json.load(file)
        rows = {name: [tuple(row) for row in told[name]] for name in ("claims", "listens", "by_hand")}
        found = Basis(tuple(told["making"]), **rows)
        return found if found.making == generations.making() else None


def parts_named(parts: Sequence[Part], named: Sequence[_Named]) -> tuple[list[Part], list[Part]]:
    """Those that are named, and the others."""
    known = set(named)
    return [p for p in parts if _named(p) in known], [p for p in parts if _named(p) not in known]


def _named(part: Part) -> _Named:
    return part.path, part.offset, part.sha256
