"""A piece of music as it stands in `pieces/`: who wrote it, how fast it goes, and its voices."""

import tomllib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from notation import Misread, Sound, read_line

PIECES = Path(__file__).with_name("pieces")


@dataclass(frozen=True)
class Voice:
    """One instrument's line, and how it plays: `gate` is the share of its length that a note sounds."""

    instrument: str
    sounds: tuple[Sound, ...]
    pattern: tuple[tuple[int, ...], ...]
    gate: float
    hold: bool
    roll_seconds: float
    volume: int
    pan: int
    pedal: bool
    melody: bool


@dataclass(frozen=True)
class Piece:
    """A composition in the public domain, with our note list; `unit` is in quarter notes."""

    name: str
    title: str
    composer: str
    year: str
    genre: str
    unit: Fraction
    bar: Fraction
    pickup: Fraction
    tempo: tuple[tuple[float, float], ...]
    rate: int
    channels: int
    room: float
    voices: tuple[Voice, ...]

    def beat_of_bar(self, bar: float) -> float:
        """Quarter notes from the start of the piece to a bar, counted from 1; 16.5 is half through bar 16."""
        return float((self.pickup + (Fraction(bar) - 1) * self.bar) * self.unit)


def load(name: str) -> Piece:
    """The piece of that name; an error in a line says which voice it stands in."""
    raw = tomllib.loads((PIECES / f"{name}.toml").read_text(encoding="utf-8"))
    numerator, denominator = (int(part) for part in raw["metre"].split("/"))
    unit = Fraction(raw["unit"]) * 4
    bar = Fraction(4 * numerator, denominator) / unit
    pickup = Fraction(raw.get("pickup", 0))
    recording = raw.get("recording", {})
    return Piece(
        name=name,
        title=raw["title"],
        composer=raw["composer"],
        year=raw["year"],
        genre=raw["genre"],
        unit=unit,
        bar=bar,
        pickup=pickup,
        tempo=tuple((float(at), float(bpm)) for at, bpm in raw["tempo"]),
        rate=recording.get("rate", 44100),
        channels=recording.get("channels", 2),
        room=recording.get("room", 0.5),
        voices=tuple(_voice(voice, raw.get("phrases", {}), bar, pickup) for voice in raw["voice"]),
    )


def _voice(raw: dict[str, Any], phrases: dict[str, str], bar: Fraction, pickup: Fraction) -> Voice:
    try:
        sounds = read_line(raw["notes"], phrases, bar, pickup)
    except Misread as slip:
        raise Misread(f"{raw['instrument']}: {slip}") from slip
    return Voice(
        instrument=raw["instrument"],
        sounds=tuple(sounds),
        pattern=tuple(tuple(int(n) for n in step.split("+")) for step in raw.get("pattern", "").split()),
        gate=raw.get("gate", 0.95),
        hold=raw.get("hold", False),
        roll_seconds=raw.get("roll_seconds", 0.0),
        volume=raw.get("volume", 100),
        pan=raw.get("pan", 64),
        pedal=raw.get("pedal", False),
        melody=raw.get("melody", False),
    )
