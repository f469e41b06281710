"""Tags are kept as given, whatever they stand in, and told in the catalogue's words."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen import apev2, asf, flac, id3, mp4, oggvorbis

from lockgroove.sources.containers import TAG_BYTES_MAX
from lockgroove.sources.formats import READABLE, sniff
from lockgroove.sources.tags import SoundReading, read_sound

SOUNDS = Path(__file__).parents[1] / "data" / "sounds"
SHARED = Path(__file__).parents[3] / "shared" / "data"
TAGGED = ("tone.flac", "tone.oga", "tone.ogg", "tone.opus", "tone.spx", "tone.mp3", "tone.bwf.wav")
TAGGED += ("tone.aiff", "tone.m4a", "tone.alac.m4a", "tone.wma", "tone.tta")
UUIDS = [f"{n:08x}-0000-4000-8000-00000000000{n}" for n in range(1, 7)]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(2000)


def read(data: bytes) -> SoundReading:
    word = sniff(io.BytesIO(data), len(data))
    assert word in READABLE
    return read_sound(io.BytesIO(data), b"a/song", word)


def bytes_of(name: str) -> bytes:
    return (SOUNDS / name).read_bytes()


def with_id3(*frames: id3.Frame, v1: bytes = b"", version: int = 4) -> bytes:
    file = io.BytesIO(bytes_of("plain.mp3"))
    tags = id3.ID3()
    for frame in frames:
        tags.add(frame)
    if version == 3:
        tags.update_to_v23()
    tags.save(file, v1=0, v2_version=version)
    return file.getvalue() + v1


def raw_id3(*frames: tuple[bytes, bytes], flags: bytes = b"\0\0") -> bytes:
    body = b"".join(name + struct.pack(">I", len(data)) + flags + data for name, data in frames)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + body + bytes_of("plain.mp3")


def id3v1(title: bytes, artist: bytes = b"", genre: int = 255) -> bytes:
    return b"TAG" + title.ljust(30, b"\0") + artist.ljust(30, b"\0") + bytes(64) + bytes([genre])


def with_info(**texts: bytes) -> bytes:
    padded = {key.encode(): text + bytes(len(text) & 1) for key, text in texts.items()}
    chunks = b"".join(key + struct.pack("<I", len(text)) + text for key, text in padded.items())
    return bytes_of("tone.wav") + b"LIST" + struct.pack("<I", len(chunks) + 4) + b"INFO" + chunks


def codes(reading: SoundReading) -> list[str]:
    return [finding.code for finding in reading.findings]


@pytest.mark.parametrize("name", TAGGED)
def test_the_same_tags_say_the_same_in_every_container(name):
    reading = read(bytes_of(name))

    said = reading.fields.as_json()
    assert said["title"] == "Tone"
    assert said["artist"] == "Lockgroove"
    assert said["album"] == "Tests"
    assert (said["track_number"], said["track_total"]) == (1, 2)
    assert (said["date"], said["year"]) == ("2024", 2024)
    assert reading.findings == ()


def test_vorbis_keys_keep_their_spelling_order_and_repetition():
    file = io.BytesIO(bytes_of("tone.flac"))
    tags = flac.FLAC(file)
    tags.clear()
    tags.tags.extend([("Artist", "A"), ("TITLE", "T"), ("Artist", "B"), ("ARTIST", "C")])
    file.seek(0)
    tags.save(file)

    reading = read(file.getvalue())

    assert list(reading.tags.items()) == [("Artist", ["A", "B"]), ("TITLE", ["T"]), ("ARTIST", ["C"])]
    assert reading.fields.artists == ("A", "B", "C")


def test_picards_tags_in_id3():
    data = with_id3(
        id3.UFID(owner="http://musicbrainz.org", data=UUIDS[0].encode()),
        *(
            id3.TXXX(encoding=3, desc=f"MusicBrainz {name} Id", text=[uuid])
            for name, uuid in zip(
                ("Release Track", "Album", "Release Group", "Artist", "Album Artist"), UUIDS[1:], strict=True
            )
        ),
        id3.TXXX(encoding=3, desc="ARTISTS", text=["A", "B"]),
        id3.TXXX(encoding=3, desc="BARCODE", text=["0724352190324"]),
        id3.TXXX(encoding=3, desc="CATALOGNUMBER", text=["CAT 1"]),
        id3.TPE1(encoding=3, text=["A & B"]),
        id3.TPE2(encoding=3, text=["Various"]),
        id3.TPUB(encoding=3, text=["Label"]),
        id3.TSRC(encoding=3, text=["GB-AYE-68-00001"]),
        id3.TPOS(encoding=3, text=["2/3"]),
        id3.TCON(encoding=3, text=["17", "(4)", "Skiffle"]),
        id3.TLAN(encoding=3, text=["eng"]),
    )

    said = read(data).fields

    assert [said.recording_mbid, said.track_mbid, said.release_mbid] == UUIDS[:3]
    assert said.release_group_mbid == UUIDS[3]
    assert (said.artist_mbids, said.album_artist_mbids) == ((UUIDS[4],), (UUIDS[5],))
    assert (said.artist, said.artists, said.album_artist) == ("A & B", ("A", "B"), "Various")
    assert (said.label, said.catalogue_number, said.barcode) == ("Label", "CAT 1", "0724352190324")
    assert (said.isrc, said.medium_number, said.language) == (("GBAYE6800001",), 2, "eng")
    assert said.genre == ("Rock", "Disco", "Skiffle")


def test_picards_tags_in_vorbis_comments():
    file = io.BytesIO(bytes_of("tone.ogg"))
    tags = oggvorbis.OggVorbis(file)
    tags["musicbrainz_trackid"] = UUIDS[0]
    tags["musicbrainz_releasetrackid"] = UUIDS[1]
    tags["musicbrainz_albumid"] = UUIDS[2].upper()
    tags["musicbrainz_artistid"] = [UUIDS[3], UUIDS[4]]
    tags["isrc"] = ["GBAYE6800001", "nonsense"]
    file.seek(0)
    tags.save(file)

    reading = read(file.getvalue())

    assert (reading.fields.recording_mbid, reading.fields.track_mbid) == (UUIDS[0], UUIDS[1])
    assert reading.fields.release_mbid == UUIDS[2]
    assert reading.fields.artist_mbids == (UUIDS[3], UUIDS[4])
    assert reading.fields.isrc == ("GBAYE6800001",)
    assert reading.tags["isrc"] == ["GBAYE6800001", "nonsense"]


def test_picards_tags_in_mp4():
    file = io.BytesIO(bytes_of("tone.m4a"))
    tags = mp4.MP4(file)
    tags["----:com.apple.iTunes:MusicBrainz Track Id"] = UUIDS[0].encode()
    tags["----:com.apple.iTunes:MusicBrainz Release Track Id"] = UUIDS[1].encode()
    tags["----:com.apple.iTunes:ISRC"] = b"GBAYE6800001"
    tags["disk"] = [(1, 2)]
    tags["covr"] = [mp4.MP4Cover(PNG, mp4.MP4Cover.FORMAT_PNG)]
    file.seek(0)
    tags.save(file)

    reading = read(file.getvalue())

    assert (reading.fields.recording_mbid, reading.fields.track_mbid) == (UUIDS[0], UUIDS[1])
    assert (reading.fields.isrc, reading.fields.medium_number) == (("GBAYE6800001",), 1)
    assert reading.tags["disk"] == ["1/2"]
    assert reading.tags["covr"][0]["mime"] == "image/png"


def test_picards_tags_in_asf():
    file = io.BytesIO(bytes_of("tone.wma"))
    tags = asf.ASF(file)
    tags["MusicBrainz/Track Id"] = UUIDS[0]
    tags["MusicBrainz/Album Id"] = UUIDS[1]
    tags["WM/ISRC"] = "GBAYE6800001"
    tags["WM/Picture"] = asf.ASFByteArrayAttribute(
        struct.pack("<BI", 3, len(PNG)) + "image/png\0cover\0".encode("utf-16-le") + PNG
    )
    file.seek(0)
    tags.save(file)

    reading = read(file.getvalue())

    assert (reading.fields.recording_mbid, reading.fields.release_mbid) == (UUIDS[0], UUIDS[1])
    assert reading.fields.isrc == ("GBAYE6800001",)
    assert reading.tags["WM/Picture"][0]["sha256"] == hashlib.sha256(PNG).hexdigest()


def test_a_picture_is_kept_as_its_digest():
    data = with_id3(id3.APIC(encoding=3, mime="image/png", type=3, desc="front", data=PNG))

    reading = read(data)

    digest = hashlib.sha256(PNG).hexdigest()
    assert reading.tags == {
        "APIC:front": [{"mime": "image/png", "type": 3, "size_bytes": len(PNG), "sha256": digest}]
    }


def test_short_bytes_are_kept_and_long_ones_as_their_digest():
    data = with_id3(id3.PRIV(owner="short", data=b"\0\1"), id3.PRIV(owner="long", data=bytes(5000)))

    reading = read(data)

    assert reading.tags["PRIV:short"] == [{"base64": "AAE="}]
    digest = hashlib.sha256(bytes(5000)).hexdigest()
    assert reading.tags["PRIV:long"] == [{"size_bytes": 5000, "sha256": digest}]


def test_no_file_keeps_more_text_than_its_share():
    texts = [id3.TXXX(encoding=3, desc=str(n), text=["é" * 100_000]) for n in range(5)]
    data = with_id3(*texts, id3.TIT2(encoding=3, text=["T"]))

    reading = read(data)

    kept = json.dumps(reading.tags, ensure_ascii=False).encode()
    assert len(kept) < TAG_BYTES_MAX + 5000
    assert {"size_bytes", "sha256", "text"} in [set(value) for [value] in reading.tags.values()]


def test_dates_are_kept_as_they_were_written():
    reading = read(raw_id3((b"TDRC", b"\0sometime in 1969-13")))

    assert reading.tags["TDRC"] == ["sometime in 1969-13"]
    assert reading.fields.year == 1969


def test_three_letter_frames_are_understood_under_their_own_names():
    frame = b"TT2" + (5).to_bytes(3, "big") + b"\0Tone"
    data = b"ID3\2\0\0\0\0\0" + bytes([len(frame)]) + frame + bytes_of("plain.mp3")

    reading = read(data)

    assert reading.tags == {"TT2": ["Tone"]}
    assert reading.fields.title == "Tone"


def test_every_container_around_an_mp3_is_read_and_its_own_is_believed_first():
    file = io.BytesIO(with_id3(id3.TPE1(encoding=3, text=["from ID3v2"])))
    tags = apev2.APEv2()
    tags["Title"], tags["Artist"] = "from APEv2", "from APEv2"
    tags.save(file)
    data = file.getvalue() + id3v1(b"from ID3v1", b"from ID3v1", genre=17)

    reading = read(data)

    assert reading.tags == {
        "TPE1": ["from ID3v2"],
        "APEv2:Title": ["from APEv2"],
        "APEv2:Artist": ["from APEv2"],
        "ID3v1:title": ["from ID3v1"],
        "ID3v1:artist": ["from ID3v1"],
        "ID3v1:genre": ["Rock"],
    }
    assert (reading.fields.artist, reading.fields.title) == ("from ID3v2", "from APEv2")
    assert reading.fields.genre == ("Rock",)


@pytest.mark.parametrize(
    "data",
    [
        raw_id3((b"TIT2", b"\0" + "Группа крови".encode("cp1251"))),
        bytes_of("plain.mp3") + id3v1("Группа крови".encode("cp1251")),
        with_info(INAM="Группа крови".encode("cp1251")),
    ],
    ids=["ID3v2", "ID3v1", "RIFF INFO"],
)
def test_an_undeclared_encoding_is_guessed_for_the_fields_and_kept_as_given(data):
    reading = read(data)

    assert reading.fields.title == "Группа крови"
    assert [value.encode("latin-1").decode("cp1251") for [value] in reading.tags.values()] == ["Группа крови"]
    assert [(f.code, f.where, f.detail) for f in reading.findings] == [("text-guessed", "a/song", "cp1251")]


def test_accents_in_latin_1_are_no_guess():
    reading = read(raw_id3((b"TIT2", "\0Motörhead".encode("latin-1"))))

    assert reading.fields.title == "Motörhead"
    assert reading.findings == ()


def test_declared_text_is_never_guessed_at():
    mojibake = "Группа крови".encode("cp1251").decode("latin-1")

    reading = read(with_id3(id3.TIT2(encoding=3, text=[mojibake])))

    assert reading.fields.title == mojibake
    assert reading.findings == ()


def test_vorbis_comments_that_are_not_utf_8_give_their_bytes_back():
    data = bytes_of("tone.flac").replace(b"title=Tone", b"title=" + "Кино".encode("cp1251"))

    reading = read(data)

    assert reading.tags["title"][0].encode("latin-1").decode("cp1251") == "Кино"
    assert reading.fields.title == "Кино"


def test_ape_text_that_is_not_utf_8_does_not_cost_the_other_items():
    data = bytes_of("tone.wv").replace(b"Tone", b"T\xf6ne")

    reading = read(data)

    assert reading.tags == {"Title": ["Töne"], "Artist": ["Lockgroove"]}


def test_empty_and_padded_values_are_absent():
    reading = read(raw_id3((b"TIT2", b"\0\0\0"), (b"TALB", b"\0   "), (b"TPE1", b"\0A\0")))

    assert reading.fields.as_json() == {"artist": "A"}


def test_a_broken_comment_costs_the_tags_and_not_the_stream():
    data = bytearray(bytes_of("tone.flac"))
    at = data.index(b"title=Tone") - 4
    data[at : at + 4] = b"\xff\xff\xff\x7f"

    reading = read(bytes(data))

    assert codes(reading) == ["tags-unreadable"]
    assert reading.duration_ms == 500


def test_a_stream_that_cannot_be_read_is_a_finding():
    reading = read_sound(io.BytesIO(b"MAC \x90\x0f" + bytes(20)), b"a/\xff", "ape")

    assert codes(reading) == ["unparsable"]
    assert reading.findings[0].where == "a/\\xff"
    assert (reading.format, reading.codec, reading.duration_ms) == ("ape", "ape", None)


def test_a_compressed_frame_stays_compressed():
    bomb = struct.pack(">I", 1 << 30) + zlib.compress(b"\0" + b"a" * (1 << 24), 9)
    data = raw_id3((b"TIT2", bomb), flags=b"\0\x80")

    reading = read(data)

    assert reading.tags["TIT2"][0]["size_bytes"] == len(bomb)


def test_a_hoard_of_frames_is_not_read():
    data = raw_id3(*((b"TXXX", b"\0%d\0v" % n) for n in range(9000)))

    assert codes(read(data)) == ["tags-unreadable"]


@pytest.mark.parametrize("name", ["tone.ogg", "tone.opus", "tone.flac", "tone.mp3", "tone.wma", "tone.m4a"])
def test_a_file_without_its_end_still_tells_what_its_beginning_says(name):
    data = bytes_of(name)

    reading = read_sound(io.BytesIO(data[: len(data) - 60]), b"", sniff(io.BytesIO(data), len(data)) or "")

    assert name == "tone.m4a" or reading.fields.title == "Tone"


@given(
    st.sampled_from(sorted(p.name for p in SOUNDS.iterdir() if p.name.startswith(("tone", "plain")))),
    st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 255)), max_size=12),
    st.integers(1, 9999),
)
def test_no_bytes_make_it_raise(name, changes, size):
    whole = bytes_of(name)
    word = sniff(io.BytesIO(whole), len(whole)) or ""
    data = bytearray(whole)[: max(1, size)]
    for at, byte in changes:
        data[at % len(data)] = byte

    reading = read_sound(io.BytesIO(bytes(data)), b"", word)

    assert json.dumps(reading.as_json(), ensure_ascii=False).encode()


def test_real_tags_of_many_programs_are_read():
    path = SHARED / "audio-tagged" / "navidrome" / "test.flac"
    if not path.exists():
        pytest.skip(f"{path} is not here")

    said = read(path.read_bytes()).fields

    assert (said.title, said.album, said.album_artist) == ("Title", "Album", "Album Artist")
