"""Synthetic shelves: small WAVs, each with bytes of its own, in albums of ten."""

from __future__ import annotations

import os
import random
import struct
from pathlib import Path


def wav(seed: int, samples: int = 400) -> bytes:
    """A mono 8 kHz 8-bit WAV of noise, with a title and an artist as RIFF INFO."""
    noise = random.Random(seed).randbytes(samples)
    info = (
        b"INFO"
        + _chunk(b"INAM", f"Piece {seed}".encode())
        + _chunk(b"IART", f"Artist {seed // 100}".encode())
    )
    body = b"WAVE" + _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)) + _chunk(b"data", noise)
    body += _chunk(b"LIST", info)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, data: bytes) -> bytes:
    padded = data + b"\0" * (len(data) % 2)
    return name + struct.pack("<I", len(data)) + padded


def make(folder: Path, files: int) -> None:
    """Write `files` WAVs below `folder`, ten to an album, a thousand albums to a folder."""
    for number in range(files):
        album = folder / f"{number // 10_000:03}" / f"album {number // 10:06}"
        if number % 10 == 0:
            os.makedirs(album, exist_ok=True)
        (album / f"{number % 10:02}.wav").write_bytes(wav(number))
