"""Whatever bytes a volume has: it is read whole or refused, and nothing is written beside the scratch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgroove.errors import VerificationFailed
from lockgroove.vault.adopt import objects_of
from lockgroove.vault.volumes import read_volume

MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADERS = st.tuples(st.integers(0, 40), st.integers(0, 511), st.binary(min_size=1, max_size=12))


def refused_at(read: Iterator[object]) -> str | None:
    """Where the refusal says that it is, None when all was read."""
    try:
        for _ in read:
            pass
    except VerificationFailed as refused:
        return refused.where
    return None


@given(st.lists(HEADERS, min_size=1, max_size=4), st.one_of(st.none(), st.integers(0, 40_000)))
@MANY
def test_a_mangled_volume_is_read_or_refused(
    plain_dump_once: Path, tmp_path: Path, changes: list[tuple[int, int, bytes]], cut: int | None
) -> None:
    """Bytes written over anywhere, headers above all, and the end cut off."""
    data = bytearray((plain_dump_once / "volumes" / "000001.tar").read_bytes())
    for block, offset, new in changes:
        at = (block * 512 + offset) % len(data)
        data[at : at + len(new)] = new
    volume = tmp_path / "v.tar"
    volume.write_bytes(bytes(data[:cut]))

    scratch = tempfile.mkdtemp(dir=tmp_path, prefix="scratch")
    for read in (read_volume(str(volume), len(data)), objects_of(str(volume), len(data), scratch, "t")):
        assert refused_at(read) in (None, str(volume))

    assert all(name.startswith(("v.tar", "scratch")) for name in os.listdir(tmp_path))


@given(st.binary(max_size=3000))
@MANY
def test_noise_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "v.tar").write_bytes(data)

    assert refused_at(read_volume(f"{tmp_path}/v.tar", len(data))) in (None, f"{tmp_path}/v.tar")
