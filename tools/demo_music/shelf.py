"""The shelf that the pieces are put on: albums, their tracks, and what each file says of itself.

What a file says depends on who ripped it, so there is a style for each habit that we have met.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from piece import Piece, load

SHELF = Path(__file__).with_name("shelf.toml")
LICENCE_URL = "https://creativecommons.org/publicdomain/zero/1.0/"


@dataclass(frozen=True)
class Track:
    """A piece at its place on an album; without a file of its own it is a stretch of the album's side."""

    piece: Piece
    number: int
    file: str
    quality: str


@dataclass(frozen=True)
class Album:
    """A folder of the shelf."""

    title: str
    performer: str
    date: str
    genre: str
    style: str
    licence_file: bool
    side: str
    booklet: str
    tracks: tuple[Track, ...]


def albums() -> list[Album]:
    """All albums of the shelf, in its order."""
    raw = tomllib.loads(SHELF.read_text(encoding="utf-8"))
    return [
        Album(
            title=album["title"],
            performer=raw["performer"],
            date=raw["date"],
            genre=album["genre"],
            style=album["style"],
            licence_file=album["licence_file"],
            side=album.get("side", ""),
            booklet=album.get("booklet", ""),
            tracks=tuple(
                Track(load(track["piece"]), number, track.get("file", ""), track.get("quality", ""))
                for number, track in enumerate(album["track"], start=1)
            ),
        )
        for album in raw["album"]
    ]


def comments(album: Album, track: Track) -> dict[str, str]:
    """What a track's Vorbis comments say: today's names, or those of an older ripper."""
    common = {
        "TITLE": track.piece.title,
        "ARTIST": album.performer,
        "ALBUM": album.title,
        "COMPOSER": track.piece.composer,
        "DATE": album.date,
        "GENRE": track.piece.genre,
    }
    if album.style == "spaced":
        return common | {"ALBUM ARTIST": album.performer, "TRACKNUMBER": f"{track.number:02}"}
    place = {"TRACKNUMBER": str(track.number), "TRACKTOTAL": str(len(album.tracks))}
    licence = {} if album.licence_file else {"LICENSE": LICENCE_URL}
    return common | {"ALBUMARTIST": album.performer} | place | licence


def side_comments(album: Album) -> dict[str, str]:
    """What a whole album in one file says; its tracks are told by the cue sheet alone."""
    return {"ALBUM": album.title, "ARTIST": album.performer, "DATE": album.date, "GENRE": album.genre}


def cue_sheet(album: Album, starts: list[float], ends: list[float]) -> str:
    """Where each track of the side starts and ends; INDEX 00 is the silence before a track."""
    lines = [
        f"REM GENRE {album.genre}",
        f"REM DATE {album.date}",
        f'PERFORMER "{album.performer}"',
        f'TITLE "{album.title}"',
        f'FILE "{album.side}" WAVE',
    ]
    for track, start, before in zip(album.tracks, starts, [None, *ends], strict=False):
        lines += [
            f"  TRACK {track.number:02} AUDIO",
            f'    TITLE "{track.piece.title}"',
            f'    PERFORMER "{album.performer}"',
            f'    SONGWRITER "{track.piece.composer}"',
            *([] if before is None else [f"    INDEX 00 {_frames(before)}"]),
            f"    INDEX 01 {_frames(start)}",
        ]
    return "\n".join(lines) + "\n"


def _frames(seconds: float) -> str:
    """Minutes, seconds and frames, of which a cue sheet counts 75 a second."""
    whole, frame = divmod(round(seconds * 75), 75)
    return f"{whole // 60:02}:{whole % 60:02}:{frame:02}"
