"""How the archive is: coverage, health, rights and reasons counted, the newest dump."""

from __future__ import annotations

from lockgroove.access import items
from lockgroove.access.current import Pinned
from lockgroove.access.shapes import Coverage, CoveragePoint, Status, Tally
from lockgroove.access.vaultview import VaultView
from lockgroove.config import Config
from lockgroove.coverage.ledger import REASONS

RIGHTS_MEANINGS = {
    "open": "a licence lets copies be given to everyone",
    "closed": "in copyright, or closed by a decision; kept and not shown",
    "undecided": "what was said of it is unclear; dark until someone decides",
    "none": "nobody said anything; dark",
}


def coverage(pinned: Pinned) -> Coverage:
    """How much of what people hear is held, and what the plan would add."""
    told = pinned.generation.summary
    names = ("by", "budget_bytes", "bytes_held", "bytes_planned", "recordings", "recordings_held", "listens")
    curve = [CoveragePoint(*(int(n) for n in point)) for point in told.get("curve", [])]
    now = CoveragePoint(told["bytes_held"], told["recordings_held"], told["listens_held"])
    return Coverage(
        **{name: told[name] for name in names},
        listens_held=told["listens_held"],
        held_curve=pinned.remember("held-curve", lambda: _held_curve(pinned, now)),
        curve=curve or [now],
    )


# Recordings with like listens per byte make one step, so that the curve has few, however many there are.
_STEPS = """SELECT count(*) AS recordings, sum(size_bytes)::BIGINT AS bytes, sum(listens)::BIGINT AS listens
    FROM ledger l JOIN recordings r ON r.row = l.recording_row WHERE l.held
    GROUP BY floor(8 * ln((listens + 0.01) / (size_bytes + 1)))
    ORDER BY sum(listens) / (sum(size_bytes) + 1) DESC"""


def _held_curve(pinned: Pinned, now: CoveragePoint) -> list[CoveragePoint]:
    """From nothing to now. What the tables in view do not tell, dark items and companions, comes last."""
    steps = pinned.reader.select(_STEPS)
    # Tracks of one file count its bytes each, which may add up to more than there are.
    scale = min(1.0, now.size_bytes / max(1, sum(step["bytes"] for step in steps)))
    points = [CoveragePoint(0, 0, 0)]
    for step in steps:
        at = points[-1]
        size = at.size_bytes + int(step["bytes"] * scale)
        points.append(CoveragePoint(size, at.recordings + step["recordings"], at.listens + step["listens"]))
    return [*points, now]


def status(pinned: Pinned, vault: VaultView, config: Config) -> Status:
    """What the archive holds, and how it is."""
    vault.freshen()
    objects, files, size = vault.totals()
    rights, reasons = pinned.remember("tallies", lambda: (_rights(pinned), _reasons(pinned)))
    return Status(
        archive=config.name, archive_id=config.archive_id, as_of=pinned.generation.as_of,
        catalogue_digest=pinned.generation.digest, **items.counts(pinned), objects=objects, files=files,
        bytes=size, places=vault.places(), rights=rights, reasons=reasons, dump=vault.newest_dump(),
    )  # fmt: skip


def _rights(pinned: Pinned) -> list[Tally]:
    rows = pinned.reader.select(
        "SELECT rights AS word, count(*) AS n, sum(size_bytes)::BIGINT AS bytes FROM ledger"
        " WHERE kind = 'file' AND held GROUP BY rights"
    )
    found = {row["word"]: (row["n"], row["bytes"]) for row in rows}
    return [
        Tally("file", word, meaning, *found.get(word, (0, 0))) for word, meaning in RIGHTS_MEANINGS.items()
    ]


def _reasons(pinned: Pinned) -> list[Tally]:
    rows = pinned.reader.select(
        "SELECT kind, reason, count(*) AS n, sum(size_bytes)::BIGINT AS bytes FROM ledger"
        " GROUP BY kind, reason ORDER BY kind DESC, n DESC, reason"
    )
    return [Tally(r["kind"], r["reason"], REASONS.get(r["reason"], ""), r["n"], r["bytes"]) for r in rows]
