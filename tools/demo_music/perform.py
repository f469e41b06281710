"""Performs every piece and puts it on the demo's shelf: `python tools/demo_music/perform.py [FOLDER]`.

Without FOLDER the shelf in the package is written anew. Exit status: 0 done, 1 a program failed.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from encode import encode
from shelf import LICENCE_URL, Album, albums, comments, cue_sheet, side_comments
from sound import Recording, joined, record, write_wave

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "src" / "lockgroove" / "cli" / "demo_music"
GAP_SECONDS = 1.5
LICENCE = f"""\
{{album}}, performed by {{performer}}, {{date}}

CC0 1.0 Universal (CC0 1.0) Public Domain Dedication

The compositions are in the public domain. To the extent possible under law, the people who made these
recordings have waived all copyright and related or neighbouring rights to them. You can copy, modify,
distribute and perform the work, even for commercial purposes, all without asking permission.

{LICENCE_URL}
"""


def main(arguments: list[str]) -> int:
    """Writes all albums; the same recording is made once, however many albums it is on."""
    target = Path(arguments[0]) if arguments else PACKAGE
    recordings: dict[str, Recording] = {}
    for album in albums():
        for track in album.tracks:
            if track.piece.name not in recordings:
                recordings[track.piece.name] = record(track.piece)
                _say(f"{track.piece.name}: {recordings[track.piece.name].seconds:.1f} s")
        try:
            _write_album(album, recordings, target / album.title)
        except subprocess.CalledProcessError as failed:
            _say(f"{failed.cmd[0]} ended with {failed.returncode}; see README.md for what must be installed")
            return 1
    return 0


def _write_album(album: Album, recordings: dict[str, Recording], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if album.side:
        _write_side(album, recordings, folder)
    else:
        _write_tracks(album, recordings, folder)
    if album.licence_file:
        words = LICENCE.format(album=album.title, performer=album.performer, date=album.date)
        (folder / "LICENSE").write_text(words, encoding="utf-8")
    if album.booklet:
        shutil.copyfile(HERE / album.booklet, folder / album.booklet)


def _write_tracks(album: Album, recordings: dict[str, Recording], folder: Path) -> None:
    for track in album.tracks:
        said = comments(album, track)
        _encode(recordings[track.piece.name], folder / track.file, said, track.quality)


def _write_side(album: Album, recordings: dict[str, Recording], folder: Path) -> None:
    parts = [recordings[track.piece.name] for track in album.tracks]
    side, starts = joined(parts, GAP_SECONDS)
    ends = [start + part.seconds for start, part in zip(starts, parts, strict=True)]
    _encode(side, folder / album.side, side_comments(album), "")
    cue = folder / Path(album.side).with_suffix(".cue")
    cue.write_text(cue_sheet(album, starts, ends), encoding="utf-8")


def _encode(recording: Recording, target: Path, said: dict[str, str], quality: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder, "recording.wav")
        write_wave(recording, wave)
        encode(wave, target, said, quality)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
