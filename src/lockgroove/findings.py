"""What checks discover, as coded data. A finding stops nothing; it is counted, shown and kept.

Every code stands in `CODES` with its severity, what it means and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["note", "warning", "damage"]


@dataclass(frozen=True)
class Code:
    """What a code means for a person, and what to do."""

    severity: Severity
    meaning: str
    advice: str


@dataclass(frozen=True)
class Finding:
    """One discovery: a code of `CODES`, where it is, and the particulars; or word of so many more `times`."""

    code: str
    where: str
    detail: str = ""
    times: int = 1

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return CODES[self.code].severity

    def as_json(self) -> dict[str, Any]:
        """The finding with its meaning, for programs and the journal."""
        code = CODES[self.code]
        told = asdict(self)
        if self.times == 1:
            del told["times"]
        return told | {"severity": code.severity, "meaning": code.meaning, "advice": code.advice}

    def __str__(self) -> str:
        """One line for a person."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.code}  {self.where}{detail}"


def _code(severity: Severity, meaning: str, advice: str) -> Code:
    return Code(severity, meaning, advice)


CODES: Mapping[str, Code] = {
    # a log that the guard reads
    "log-line-unreadable": _code(
        "warning",
        "a line of a log is no request or row that can be read",
        "the other lines count; if there are many, the mapping may be wrong or the log cut",
    ),
    # a shelf, as it is read
    "symlink-loop": _code(
        "warning",
        "a link leads back to a folder above it",
        "nothing is lost; the target is read where it stands",
    ),
    "symlink-outside": _code(
        "note", "a link leads out of the shelf and is not followed", "gather that folder on its own"
    ),
    "symlink-broken": _code("warning", "a link leads nowhere", "mend or remove the link"),
    "unreadable": _code(
        "warning",
        "the system refuses to let us read it",
        "check its permissions or the disk, then gather again",
    ),
    "vanished": _code(
        "warning",
        "it was listed, and was gone when it came to reading",
        "gather again when the shelf is at rest",
    ),
    "changed-while-read": _code(
        "warning", "it changed while it was read", "gather again when the shelf is at rest"
    ),
    "name-not-utf8": _code(
        "note", "its name is not valid UTF-8; the bytes are kept percent-encoded", "nothing need be done"
    ),
    "special-file": _code("note", "a socket, pipe or device, not a file", "nothing need be done"),
    "empty-file": _code("warning", "it has no bytes", "look for another copy"),
    "truncated": _code(
        "warning",
        "it ends before its own headers say it should",
        "look for another copy; what is there is kept",
    ),
    "unparsable": _code(
        "warning",
        "it starts like sound, but its structure cannot be read",
        "kept as received; look for another copy",
    ),
    "unknown-sound": _code("note", "sound of a kind that cannot be read here", "kept as an unknown file"),
    "misnamed": _code(
        "note", "its name says another format than its bytes", "nothing need be done; the bytes count"
    ),
    "tags-unreadable": _code(
        "warning", "its tags cannot be read", "kept as received, described by its path alone"
    ),
    "text-guessed": _code(
        "note", "its text is in an undeclared encoding that was guessed", "it is kept as given"
    ),
    "cue-unreadable": _code(
        "warning", "the cue sheet cannot be read", "kept as a companion; its tracks are not known"
    ),
    "cue-file-missing": _code(
        "note", "the cue sheet names a file that is not beside it", "kept as a companion"
    ),
    "poison-file": _code(
        "warning",
        "reading it takes more time or memory than any one file may",
        "kept as received, described by its path alone",
    ),
    "outside-deposit": _code(
        "note",
        "no folder of sound above it, so it belongs to no deposit and is not kept",
        "move it beside the music it belongs to",
    ),
    # listens
    "listen-malformed": _code("warning", "a record of listens cannot be read", "mend it and gather again"),
    "listen-negative": _code("warning", "a negative number of listens", "mend it and gather again"),
    "listen-unnamed": _code(
        "warning", "a listen without ISRC, MBID or artist and title", "nothing can be counted from it"
    ),
    # dumps of catalogues, as they are read
    "record-malformed": _code(
        "warning", "a record of the dump cannot be read", "it is refused and counted; the rest was read"
    ),
    "record-repeated": _code(
        "warning",
        "two records of one dump have the same id and say different things",
        "both are kept as claims; the later one counts",
    ),
    "archive-truncated": _code(
        "warning", "the dump ends before its end", "fetch it again; what came before is kept"
    ),
    "listens-left-as-they-were": _code(
        "warning",
        "the listens of this harvest do not count: a file of it is broken",
        "fetch the file again; those of before count on",
    ),
    "archive-damaged": _code(
        "warning", "the dump's compression is damaged", "fetch it again; what came before is kept"
    ),
    "schema-unknown": _code(
        "warning",
        "the dump is of another schema version than this reader was written for",
        "look at the counts; a newer Lockgroove may read more of it",
    ),
    "value-absurd": _code(
        "note", "a value that cannot be, such as a negative duration", "left out; the claim keeps it as given"
    ),
    "isrc-malformed": _code(
        "note", "something that is no ISRC stands where one should", "left out; the claim keeps it as given"
    ),
    "text-broken": _code(
        "note",
        "its text has NUL bytes or bytes that are not UTF-8",
        "shown with replacements; the claim keeps it as given",
    ),
    # keeping
    "source-gone": _code(
        "warning", "the file is no longer where it was gathered", "bring the shelf back, or gather again"
    ),
    "source-changed": _code(
        "warning", "the file has changed since it was gathered", "gather again, then plan and keep"
    ),
    # the vault, its places, claims and journal
    "file-damaged": _code("damage", "its bytes are not those that were kept", "run: lockgroove repair"),
    "file-missing": _code("damage", "it was kept and is not there", "run: lockgroove repair"),
    "file-foreign": _code(
        "warning", "it lies in the vault and was never kept by Lockgroove", "move it out of the vault"
    ),
    "file-unreadable": _code(
        "damage", "the disk refuses to give its bytes", "replace the disk, then run: lockgroove repair"
    ),
    "inventory-damaged": _code(
        "damage", "an OCFL inventory or its digest is not the one that was kept", "run: lockgroove repair"
    ),
    "root-damaged": _code(
        "damage", "a file of the storage root itself is not as written", "run: lockgroove repair"
    ),
    "claims-damaged": _code(
        "damage", "a pack of claims is not what was acknowledged", "run: lockgroove repair"
    ),
    "journal-damaged": _code(
        "damage", "a line of the journal is not what was acknowledged", "run: lockgroove repair"
    ),
    "journal-torn": _code(
        "note",
        "an unfinished last line, from a write that was cut",
        "nothing is lost; it was never acknowledged",
    ),
    "place-absent": _code("warning", "the place does not answer", "connect it, then run: lockgroove keep"),
    "place-behind": _code("warning", "the place does not hold everything yet", "run: lockgroove keep"),
    "unrepairable": _code("damage", "no place holds a good copy", "find another copy by its sha512"),
}
