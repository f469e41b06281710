"""Writes a Standard MIDI File: notes with their seconds in, bytes out.

The notes already carry their exact seconds, so the file needs no tempo map: at 500 ticks a quarter and
120 quarters a minute, one tick is one millisecond.
"""

import struct
from collections.abc import Iterable

from piece import Piece
from playing import Clock, Note, beats_of, pedal_seconds, play

TICKS_A_QUARTER = 500
TICKS_A_SECOND = 1000
DRUM_CHANNEL = 9
TAIL_SECONDS = 4.0
PROGRAMS = {
    "piano": 0,
    "harpsichord": 6,
    "dulcimer": 15,
    "accordion": 21,
    "nylon guitar": 24,
    "steel guitar": 25,
    "acoustic bass": 32,
    "violin": 40,
    "viola": 41,
    "cello": 42,
    "harp": 46,
    "timpani": 47,
    "strings": 48,
    "trumpet": 56,
    "tuba": 58,
    "french horn": 60,
    "clarinet": 71,
    "flute": 73,
    "recorder": 74,
    "shakuhachi": 77,
    "koto": 107,
}

Event = tuple[int, int, bytes]


def file_of(piece: Piece) -> bytes:
    """The whole piece as a MIDI file of one track."""
    beats = beats_of(piece)
    clock = Clock(piece, beats)
    events: list[Event] = []
    channels = (n for n in range(16) if n != DRUM_CHANNEL)
    for voice in piece.voices:
        channel = DRUM_CHANNEL if voice.instrument == "drums" else next(channels)
        program = PROGRAMS.get(voice.instrument, 0)
        events += _at_start(channel, program, voice.volume, voice.pan)
        events += _notes(channel, play(piece, voice, clock))
        if voice.pedal:
            events += _pedal(channel, pedal_seconds(piece, clock, beats))
    end = round((clock.end + TAIL_SECONDS) * TICKS_A_SECOND)
    return _file(sorted(events), end)


def _at_start(channel: int, program: int, volume: int, pan: int) -> list[Event]:
    settings = [(7, volume), (10, pan)]
    controls = [(0, 0, bytes([0xB0 | channel, number, value])) for number, value in settings]
    return [(0, 0, bytes([0xC0 | channel, program])), *controls]


def _notes(channel: int, notes: Iterable[Note]) -> Iterable[Event]:
    """Offs sort before ons of the same tick, so that a repeated note is struck again."""
    for note in notes:
        yield round(note.end * TICKS_A_SECOND), 1, bytes([0x80 | channel, note.key, 0])
        yield round(note.start * TICKS_A_SECOND), 2, bytes([0x90 | channel, note.key, note.velocity])


def _pedal(channel: int, spans: Iterable[tuple[float, float]]) -> Iterable[Event]:
    for down, up in spans:
        yield round(down * TICKS_A_SECOND), 0, bytes([0xB0 | channel, 64, 127])
        yield round(up * TICKS_A_SECOND), 0, bytes([0xB0 | channel, 64, 0])


def _file(events: list[Event], end: int) -> bytes:
    track, now = bytearray(), 0
    for tick, _, message in [*events, (end, 3, b"\xff\x2f\x00")]:
        track += _variable(tick - now) + message
        now = tick
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS_A_QUARTER)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def _variable(number: int) -> bytes:
    """A number in groups of seven bits, high group first, as MIDI writes its waiting times."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))
