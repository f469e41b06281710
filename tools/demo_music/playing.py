"""How a written piece is played: from sounds in units to notes in seconds, with a player's small freedoms.

The freedoms (a stress on the bar, chords that roll, a few milliseconds early or late) are drawn from the
piece's own name, so that a performance can be repeated to the byte.
"""

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from notation import Sound
from piece import Piece, Voice

STRESS = 5
ACCENT = 10
STACCATO = 0.5
TENUTO = 1.0
STEPS_A_BEAT = 8
LOOSE_SECONDS = 0.006
LOOSE_LEVEL = 2.5
PEDAL_LIFT_SECONDS = 0.06
SHORTEST_SECONDS = 0.05


@dataclass(frozen=True)
class Note:
    """One key held down, in seconds from the start of the performance."""

    start: float
    end: float
    key: int
    velocity: int


class Clock:
    """Beats to seconds: the tempo glides in straight lines between the bars where the piece states it."""

    def __init__(self, piece: Piece, beats: float) -> None:
        marks = [(piece.beat_of_bar(bar), bpm) for bar, bpm in piece.tempo]
        self.seconds = [0.0]
        for step in range(int((beats + 8) * STEPS_A_BEAT)):
            bpm = _between(marks, step / STEPS_A_BEAT)
            self.seconds.append(self.seconds[-1] + 60 / bpm / STEPS_A_BEAT)
        self.end = self.at(beats)

    def at(self, beat: float) -> float:
        """Seconds from the start to a beat."""
        whole, part = divmod(beat * STEPS_A_BEAT, 1)
        here, after = self.seconds[int(whole) : int(whole) + 2]
        return here + part * (after - here)


def beats_of(piece: Piece) -> float:
    """The length of a piece in quarter notes; its voices must agree on it."""
    ends = {voice.sounds[-1].start + voice.sounds[-1].length for voice in piece.voices}
    if len(ends) > 1:
        raise ValueError(f"{piece.name}: its voices end apart, after {sorted(map(float, ends))} units")
    return float(ends.pop() * piece.unit)


def play(piece: Piece, voice: Voice, clock: Clock) -> list[Note]:
    """The notes of one voice as a player would give them."""
    luck = random.Random(f"{piece.name} {voice.instrument}")
    notes = []
    for sound, first in _spread(voice):
        if not sound.keys:
            continue
        late = luck.gauss(0, LOOSE_SECONDS) if sound.start else 0.0
        level = sound.level + _stress(piece, first) + ACCENT * sound.marks.count("^")
        for place, key in enumerate(sound.keys):
            start = max(0.0, clock.at(float(sound.start * piece.unit)) + late + place * voice.roll_seconds)
            end = clock.at(float((sound.start + sound.length * _gate(voice, sound)) * piece.unit))
            end = max(min(end, clock.end), start + SHORTEST_SECONDS)
            velocity = round(level + luck.gauss(0, LOOSE_LEVEL))
            notes.append(Note(start, end, key, min(max(velocity, 1), 127)))
    return _parted(notes)


def pedal_seconds(piece: Piece, clock: Clock, beats: float) -> Iterator[tuple[float, float]]:
    """When the pedal of a piano is down: bar by bar, lifted for a moment before the next."""
    length = float(piece.bar * piece.unit)
    beat = float(piece.pickup * piece.unit)
    while beat < beats:
        last = beat + length >= beats
        yield clock.at(beat), clock.at(beat + length) - (0 if last else PEDAL_LIFT_SECONDS)
        beat += length


def _spread(voice: Voice) -> Iterator[tuple[Sound, Fraction]]:
    """Each sound, or the notes that a pattern makes of it, with the start that its stress is judged by."""
    for sound in voice.sounds:
        if not voice.pattern or not sound.keys or "_" in sound.marks:
            yield sound, sound.start
            continue
        step = sound.length / len(voice.pattern)
        for place, members in enumerate(voice.pattern):
            start = sound.start + place * step
            length = sound.start + sound.length - start if voice.hold else step
            keys = tuple(sound.keys[n - 1] for n in members if 0 < n <= len(sound.keys))
            yield Sound(start, length, keys, sound.level, sound.marks), start


def _stress(piece: Piece, start: Fraction) -> float:
    """The first note of a bar is a little louder, one off the beat a little softer."""
    place = (start - piece.pickup) % piece.bar
    if place == 0:
        return STRESS
    return 0 if (place * piece.unit).denominator == 1 else -STRESS / 2


def _gate(voice: Voice, sound: Sound) -> Fraction:
    share = STACCATO if "'" in sound.marks else TENUTO if "_" in sound.marks else voice.gate
    return Fraction(share)


def _parted(notes: list[Note]) -> list[Note]:
    """The same notes, none of which still holds a key down when that key is struck again."""
    struck: dict[int, list[Note]] = {}
    for note in sorted(notes, key=lambda n: n.start):
        struck.setdefault(note.key, []).append(note)
    parted = []
    for same in struck.values():
        for note, after in pairwise(same):
            parted.append(Note(note.start, min(note.end, after.start - 0.01), note.key, note.velocity))
        parted.append(same[-1])
    return sorted(parted, key=lambda n: (n.start, n.key))


def _between(marks: list[tuple[float, float]], beat: float) -> float:
    """The tempo at a beat, on the straight line between the marks around it."""
    place = bisect_right(marks, (beat, float("inf")))
    if place == 0:
        return marks[0][1]
    if place == len(marks):
        return marks[-1][1]
    (before, slow), (after, fast) = marks[place - 1], marks[place]
    return slow + (fast - slow) * (beat - before) / (after - before)
