"""Which frame of a part holds which records: derived, kept below `cache/`, made again where it is missing.

In: the lengths and counts of a part's frames. Out: where to read so that one record costs one frame.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from lockgroove.catalogue.claims.packs import frame_lengths, frame_lines

FOLDER = "cache/frames"
# A row a frame: its bytes, its records.
Frames = npt.NDArray[np.uint32]


def remember(root: str, name: str, sha256: str, lengths: Sequence[int], counts: Sequence[int]) -> Frames:
    """Keep the index of a part. A disk that refuses costs time later and nothing else."""
    frames = np.array([lengths, counts], dtype="<u4").T
    with contextlib.suppress(OSError):
        os.makedirs(f"{root}/{FOLDER}", exist_ok=True)
        path = _path(root, name, sha256)
        with open(f"{path}.new-{os.getpid()}", "wb") as file:
            file.write(frames.tobytes())
        os.replace(f"{path}.new-{os.getpid()}", path)
    return frames


def load(root: str, name: str, sha256: str) -> Frames | None:
    """The index of a part, None when it is not kept."""
    try:
        frames = np.fromfile(_path(root, name, sha256), dtype="<u4")
    except OSError:
        return None
    return frames.reshape(-1, 2) if frames.size and frames.size % 2 == 0 else None


def measured(part: bytes) -> tuple[list[int], list[int]]:
    """Lengths and counts of a part's frames, by unpacking each."""
    lengths = frame_lengths(part)
    ends = np.cumsum([0, *lengths])
    counts = [
        len(frame_lines(part[start : start + length]))
        for start, length in zip(ends[:-1].tolist(), lengths, strict=True)
    ]
    return lengths, counts


def frame_of(frames: Frames, number: int) -> tuple[int, int, int]:
    """Offset and bytes of the frame that holds a record, and the records before it. Raises IndexError."""
    ends = np.cumsum(frames[:, 1], dtype=np.int64)
    if not 0 <= number < int(ends[-1]):
        raise IndexError(f"a part of {ends[-1]} records has none with number {number}")
    row = int(np.searchsorted(ends, number, side="right"))
    offset = int(frames[:row, 0].sum(dtype=np.int64))
    return offset, int(frames[row, 0]), int(ends[row - 1]) if row else 0


def frames_of(
    frames: Frames, numbers: npt.NDArray[np.int64]
) -> Iterator[tuple[int, int, npt.NDArray[np.int64], int]]:
    """Where ascending numbers of records lie; what a part does not have is left out.

    For each frame that holds some: its offset, its bytes, their places in it, and the records before it.
    """
    ends = np.cumsum(frames[:, 1], dtype=np.int64)
    offsets = np.cumsum(frames[:, 0], dtype=np.int64) - frames[:, 0]
    rows = np.searchsorted(ends, numbers, side="right")
    for row in np.unique(rows[rows < len(frames)]).tolist():
        before = int(ends[row - 1]) if row else 0
        yield int(offsets[row]), int(frames[row, 0]), numbers[rows == row] - before, before


def _path(root: str, name: str, sha256: str) -> str:
    return f"{root}/{FOLDER}/{name}-{sha256[:16]}.frames"
