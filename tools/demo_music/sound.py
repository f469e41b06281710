"""From a MIDI file to a finished recording: the synthesiser plays, and the tail and the loudness are set.

Samples stay floating point until the very end, so nothing clips and nothing is dithered; the same piece
gives the same bytes each time.
"""

from __future__ import annotations  # array[int] is no class before 3.12

import math
import subprocess
import tempfile
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

from midi import file_of
from piece import Piece

SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
PEAK_MAX = 10 ** (-1.5 / 20)
RMS_MAX = 10 ** (-17.5 / 20)
SILENCE = 10 ** (-58 / 20)
FADE_SECONDS = 1.2
LARGEST = 32767


@dataclass(frozen=True)
class Recording:
    """Sixteen-bit samples, interleaved by channel."""

    samples: array[int]
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.samples) / self.channels / self.rate


def record(piece: Piece) -> Recording:
    """The piece as a listener hears it: its silence trimmed, its tail faded, as loud as the others."""
    stereo = _synthesise(file_of(piece), piece.rate, piece.room)
    frames = stereo if piece.channels == 2 else _mono(stereo)
    return Recording(_finished(frames, piece.rate, piece.channels), piece.rate, piece.channels)


def write_wave(recording: Recording, path: Path) -> None:
    """The recording as a WAV file, which every encoder reads."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(recording.channels)
        file.setsampwidth(2)
        file.setframerate(recording.rate)
        file.writeframes(recording.samples.tobytes())


def joined(recordings: list[Recording], gap_seconds: float) -> tuple[Recording, list[float]]:
    """One side of a record: all of them in a row, and when each begins, on a whole cue sheet frame.

    A cue sheet counts 75 frames a second; a twenty-fifth of a second is a whole number of samples and of
    frames at each rate that we use.
    """
    rate, channels = recordings[0].rate, recordings[0].channels
    grain = rate // 25 * channels
    side, starts = array("h"), list[float]()
    for recording in recordings:
        if side:
            side.extend([0] * int(gap_seconds * rate * channels))
            side.extend([0] * (-len(side) % grain))
        starts.append(len(side) / channels / rate)
        side.extend(recording.samples)
    return Recording(side, rate, channels), starts


def _synthesise(midi: bytes, rate: int, room: float) -> array[float]:
    """Stereo samples; every setting that colours the sound is given, so that no configuration can."""
    settings = {
        "synth.gain": 0.5,
        "synth.cpu-cores": 1,
        "synth.polyphony": 512,
        "synth.chorus.active": 0,
        "synth.reverb.active": 1,
        "synth.reverb.room-size": room,
        "synth.reverb.damp": 0.3,
        "synth.reverb.width": 0.8,
        "synth.reverb.level": 0.5,
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    with tempfile.TemporaryDirectory() as folder:
        score, raw = Path(folder, "score.mid"), Path(folder, "sound.raw")
        score.write_bytes(midi)
        form = ["-r", str(rate), "-O", "float", "-T", "raw", "-F", str(raw)]
        command = ["fluidsynth", "-niq", *options, *form, str(SOUNDFONT), str(score)]
        subprocess.run(command, check=True, capture_output=True)
        return array("f", raw.read_bytes())


def _mono(stereo: array[float]) -> array[float]:
    return array("f", ((left + right) / 2 for left, right in zip(stereo[::2], stereo[1::2], strict=True)))


def _finished(frames: array[float], rate: int, channels: int) -> array[int]:
    loudest = max(map(abs, frames))
    end = _last_heard(frames, SILENCE * loudest) // channels + 1
    strength = math.sqrt(sum(frame * frame for frame in frames) / (end * channels))
    gain = LARGEST * min(PEAK_MAX / loudest, RMS_MAX / strength)
    fade = min(int(FADE_SECONDS * rate), end)
    kept = array("h")
    for place in range(end * channels):
        left = (end - 1 - place // channels) / fade
        kept.append(round(frames[place] * gain * min(1.0, left)))
    return kept


def _last_heard(frames: array[float], threshold: float) -> int:
    for place in range(len(frames) - 1, -1, -1):
        if abs(frames[place]) > threshold:
            return place
    return 0
