"""A folder of tables with what changed since they were written, read as one.

A whole build is the base, and never changes. Beside it a delta may stand: for each table rows that are new or
changed, with their numbers, and the numbers of those that are gone. A row of the base that neither tells of
stays as it is; numbers of new rows follow those of the base. Tables no larger than the files stand in a delta
whole. Deltas are made in `catalogue.deltas`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from lockgroove.catalogue.generations import DELTA
from lockgroove.catalogue.keyindex import KeyIndex, KeyIndexes
from lockgroove.catalogue.rowreading import RowReader
from lockgroove.catalogue.spilling import parquet

SEARCH_DELTA = "search-delta"
KEYS = "keys.bin"
MEMBERS = "members"
# Tables whose rows have ids of their own, each once.
OWN_IDS = {
    "artists": "artist_id", "releases": "release_id", "release_groups": "release_group_id",
    "labels": "label_id", "recordings": "recording_id",
}  # fmt: skip


def base_rows(folder: str, name: str) -> str:
    """SQL for the rows of a table as they were written, each with its number as `row`."""
    return _numbered(f"{folder}/{name}.parquet")


def rows_now(folder: str, name: str) -> str:
    """SQL for the rows of a table after what changed, each with its number as `row`."""
    changed, gone = changed_file(folder, name), gone_file(folder, name)
    if not os.path.exists(changed):
        return base_rows(folder, name)
    if not os.path.exists(gone):
        return _numbered(changed)
    return (
        f"(SELECT * FROM {base_rows(folder, name)} ANTI JOIN {parquet([gone])} USING (row)"
        f" UNION ALL SELECT * FROM {parquet([changed])})"
    )


def _numbered(path: str) -> str:
    return (
        "(SELECT file_row_number::INTEGER AS row, * EXCLUDE (file_row_number)"
        f" FROM {parquet([path], 'file_row_number = true')})"
    )


def changed_file(folder: str, name: str) -> str:
    """Rows of a table that are new or changed: `row`, and the columns of the table; or the whole table."""
    return f"{folder}/{DELTA}/{name}.parquet"


def gone_file(folder: str, name: str) -> str:
    """Rows of the base that are changed or gone: `row`, and the id, where the table has ids of its own.

    There is none beside a whole table.
    """
    return f"{folder}/{DELTA}/{name}-gone.parquet"


def member_files(folder: str) -> list[str]:
    """Lists of members that a whole build keeps: of recordings of one claim, and of several."""
    return [f"{folder}/members-of-one.parquet", f"{folder}/members-of-several.parquet"]


def members_now(folder: str, state: str) -> str:
    """SQL for the claims of each recording: `recording_row`, `seq`, `withdrawn`."""
    changed, gone = changed_file(folder, MEMBERS), gone_file(folder, MEMBERS)
    base = f"SELECT * FROM {parquet(member_files(state))}"
    if not os.path.exists(changed):
        return f"({base})"
    of_others = f"{base} WHERE recording_row NOT IN (SELECT row FROM {parquet([gone])})"
    return f"({of_others} UNION ALL SELECT * FROM {parquet([changed])})"


def rows_end(folder: str, name: str) -> int:
    """The first number that no row has, nor one behind it."""
    end: int = pq.read_metadata(f"{folder}/{name}.parquet").num_rows
    if os.path.exists(gone_file(folder, name)):
        numbers = _column(changed_file(folder, name))
        end = max(end, int(numbers[-1]) + 1) if len(numbers) else end
    return end


def rows_gone(folder: str, name: str) -> str:
    """SQL for the numbers below `rows_end` that no row has any more; "" where all have one."""
    changed, gone = changed_file(folder, name), gone_file(folder, name)
    if not os.path.exists(gone):
        return ""
    return f"SELECT row FROM {parquet([gone])} EXCEPT SELECT row FROM {parquet([changed])}"


def open_keys(folder: str) -> KeyIndexes:
    """The key index of a folder, after what changed."""
    paths = [f"{folder}/{DELTA}/{KEYS}", f"{folder}/{KEYS}"]
    return KeyIndexes([KeyIndex(path) for path in paths if os.path.exists(path)])


def search_deltas(search: str) -> list[str]:
    """What changed since a search index was written: folders, oldest first."""
    path = f"{search}/{SEARCH_DELTA}"
    return [path] if os.path.isdir(path) else []


class LayeredRows:
    """Reads rows of one table by number. May be asked from several threads."""

    def __init__(self, folder: str, name: str) -> None:
        changed, gone = changed_file(folder, name), gone_file(folder, name)
        is_whole = os.path.exists(changed) and not os.path.exists(gone)
        self._base = RowReader(changed if is_whole else f"{folder}/{name}.parquet")
        self._changed: RowReader | None = None
        self._numbers = self._gone = np.empty(0, np.int64)
        if os.path.exists(gone):
            self._changed = RowReader(changed)
            self._numbers, self._gone = _column(changed), _column(gone)

    def close(self) -> None:
        """Let go of the files."""
        self._base.close()
        if self._changed is not None:
            self._changed.close()

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The rows in the order asked for, each with its number as `row`; what is not there is left out."""
        return [row for number in numbers for row in self._row(number)]

    def _row(self, number: int) -> list[dict[str, Any]]:
        at = int(self._numbers.searchsorted(number))
        if self._changed is not None and at < len(self._numbers) and self._numbers[at] == number:
            return [found | {"row": number} for found in self._changed.rows([at])]
        at = int(self._gone.searchsorted(number))
        if at < len(self._gone) and self._gone[at] == number:
            return []
        return self._base.rows([number])


def _column(path: str) -> np.ndarray:
    rows: np.ndarray = pq.read_table(path, columns=["row"]).column(0).to_numpy().astype(np.int64)
    return rows
