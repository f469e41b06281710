"""Where the parts of a catalogue lie: enough to lay any of them out."""

from __future__ import annotations

from dataclasses import dataclass

from lockgroove.testing.generated.draws import Draws
from lockgroove.testing.generated.layout import Layout, lay_out
from lockgroove.testing.generated.tracks import Artists


@dataclass(frozen=True)
class Place:
    """A catalogue of `tracks` slots in parts of `part_records`, and `new` slots in parts behind those."""

    draws: Draws
    artists: Artists
    part_records: int
    tracks: int
    new: int = 0

    @property
    def parts(self) -> int:
        """How many parts there are without the new ones."""
        return -(-self.tracks // self.part_records)

    def records(self, part: int) -> int:
        """How many slots a part has."""
        first = part * self.part_records
        end = self.tracks if part < self.parts else self.parts * self.part_records + self.new
        return min(self.part_records, end - first)

    def layout(self, part: int) -> Layout:
        """The layout of a part."""
        return lay_out(self.draws, part, part * self.part_records, self.records(part))
