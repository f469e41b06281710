"""Rows of a table by their numbers: the row group that has them is read, and kept for a while.

A row group has 20,480 rows, so a row costs a few milliseconds however large the table is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lockgroove.tables import ROW_GROUP_ROWS

_KEPT = 12  # row groups, of some megabytes each


class RowReader:
    """Reads rows of one Parquet file of ours. May be asked from several threads."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path)
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        self._lock = threading.Lock()
        self.count: int = self._file.metadata.num_rows

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._kept.clear()
            self._file.close()

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """The rows in the order asked for, each with its number as `row`; what is not there is left out."""
        found = []
        for number in numbers:
            if 0 <= number < self.count:
                group, place = divmod(number, ROW_GROUP_ROWS)
                row = self._group(group).slice(place, 1).to_pylist()[0]
                found.append({"row": number, **row})
        return found

    def _group(self, number: int) -> pa.Table:
        with self._lock:
            table = self._kept.get(number)
            if table is None:
                table = self._kept[number] = self._file.read_row_group(number, use_threads=False)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(number)
            return table
