"""Listens to the finished shelf: `python tools/demo_music/check.py [FOLDER]`.

Each file is decoded by its format's own decoder. A recording must last, must not clip, must not be silent,
and its melody must sound the keys that the note list says, in tune. Exit status: 0 all well, 1 not.
"""

from __future__ import annotations  # numpy's array types are long

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
from mutagen import File
from numpy.typing import NDArray
from perform import GAP_SECONDS, PACKAGE
from piece import Piece
from playing import Clock, Note, beats_of, play
from shelf import Album, Track, albums

Samples = NDArray[np.float64]
SECONDS_MIN = 15.0
PEAK_MAX = 0.995
RMS_MIN = 0.01
IN_TUNE_MIN = 0.9
NOTE_SECONDS_MIN = 0.12
WINDOW_SECONDS = 0.3
HARMONICS = (1, 2, 3)
CENTS = 35


def main(arguments: list[str]) -> int:
    """Prints a line for each file; the last one says how much there is in all."""
    target = Path(arguments[0]) if arguments else PACKAGE
    faults = sum(_check_album(album, target / album.title) for album in albums())
    total = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    _say(f"{total} bytes in all, {faults} faults")
    return 1 if faults else 0


def in_tune(piece: Piece, sound: Samples, rate: int) -> float:
    """The share of the melody's notes that sound stronger at their own key than a semitone off."""
    mono = sound.mean(axis=1)
    clock = Clock(piece, beats_of(piece))
    notes = [
        note
        for voice in piece.voices
        if voice.melody
        for note in play(piece, voice, clock)
        if note.end - note.start >= NOTE_SECONDS_MIN
    ]
    return sum(_sounds(note, mono, rate) for note in notes) / len(notes)


def _sounds(note: Note, mono: Samples, rate: int) -> bool:
    start = int((note.start + 0.02) * rate)
    stretch = mono[start : start + int(min(note.end - note.start, WINDOW_SECONDS) * rate)]
    spectrum = np.abs(np.fft.rfft(stretch * np.hanning(len(stretch)), n=rate * 2))
    own, below, above = (_strength(spectrum, note.key + step) for step in (0, -1, 1))
    return own > below and own > above


def _strength(spectrum: Samples, key: int) -> float:
    """How much of a key's first harmonics is in a spectrum of half-hertz bins."""
    strength = 0.0
    for harmonic in HARMONICS:
        hertz = 440 * 2 ** ((key - 69) / 12) * harmonic
        low, high = (round(2 * hertz * 2 ** (cents / 1200)) for cents in (-CENTS, CENTS))
        strength += float(spectrum[low : high + 1].max())
    return strength


def _check_album(album: Album, folder: Path) -> int:
    if album.side:
        sound, rate = _decoded(folder / album.side)
        faults, start = _judge(album.side, sound, rate, 0, folder / album.side), 0.0
        for track in album.tracks:
            length = _length(sound, rate, start)
            part = sound[int(start * rate) : int((start + length) * rate)]
            faults += _judge(f"  track {track.number}", part, rate, in_tune(track.piece, part, rate))
            start = np.ceil((start + length + GAP_SECONDS) * 25) / 25
        return faults
    return sum(_check_track(track, folder / track.file) for track in album.tracks)


def _check_track(track: Track, path: Path) -> int:
    sound, rate = _decoded(path)
    return _judge(path.name, sound, rate, in_tune(track.piece, sound, rate), path)


def _length(sound: Samples, rate: int, start: float) -> float:
    """A track of a side ends where at least a second of silence begins, or with the side."""
    heard = np.flatnonzero(sound[int(start * rate) :].any(axis=1))
    gaps = np.flatnonzero(np.diff(heard) > rate)
    last = heard[gaps[0]] if len(gaps) else heard[-1]
    return float(last + 1) / rate


def _judge(name: str, sound: Samples, rate: int, tune: float, path: Path | None = None) -> int:
    peak, rms, seconds = float(np.abs(sound).max()), float(np.sqrt(np.mean(sound**2))), len(sound) / rate
    bad = [
        word
        for word, wrong in (
            ("short", seconds < SECONDS_MIN),
            ("clips", peak > PEAK_MAX),
            ("silent", rms < RMS_MIN),
            ("out of tune", 0 < tune < IN_TUNE_MIN),
        )
        if wrong
    ]
    size = path.stat().st_size if path else 0
    level = f"peak {20 * np.log10(peak):5.1f} dB, rms {20 * np.log10(rms):5.1f} dB"
    told = f", melody {tune:.0%} in tune" if tune else ""
    _say(f"{name}: {seconds:.1f} s, {size} bytes, {level}{told}{_said(path)} {' '.join(bad)}".rstrip())
    return len(bad)


def _said(path: Path | None) -> str:
    """The title as another library reads it back."""
    tags = File(path, easy=True) if path else None
    return f" [{', '.join(tags.get('title', ['-']))}]" if tags else ""


def _decoded(path: Path) -> tuple[Samples, int]:
    """Floating point, a column for each channel, and the rate."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "sound.wav")
        commands = {
            ".flac": ["flac", "--decode", "--silent", f"--output-name={target}", str(path)],
            ".ogg": ["oggdec", "--quiet", "--output", str(target), str(path)],
            ".opus": ["opusdec", "--quiet", "--no-dither", str(path), str(target)],
            ".mp3": ["lame", "--quiet", "--decode", str(path), str(target)],
        }
        subprocess.run(commands[path.suffix], check=True, capture_output=True)
        with wave.open(str(target), "rb") as file:
            rate, channels = file.getframerate(), file.getnchannels()
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return samples.reshape(-1, channels) / 32768, rate


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
