"""The source in CONTRIBUTING.md is whole: it passes the contract, and what it gathers is found."""

from __future__ import annotations

import sys
import types
from pathlib import Path

from console import blocks

from lockgroove import archive as archives
from lockgroove.campaigns import gathering
from lockgroove.report import Silence

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCE, CONTRACT = ["\n".join(block.lines) for block in blocks(PAGE) if block.language == "python"]

radiolog = types.ModuleType("radiolog")
exec(compile(SOURCE, "CONTRIBUTING.md", "exec"), radiolog.__dict__)
sys.modules["radiolog"] = radiolog
exec(compile(CONTRACT, "CONTRIBUTING.md", "exec"))  # its test class is collected here


def test_what_it_gathers_is_counted_and_found(tmp_path):
    log = tmp_path / "log.tsv"
    log.write_text("2026-01-30\tErik Satie\tGymnopédie No. 1\n" * 3 + "nothing\n", encoding="utf-8")
    report = Silence()

    with archives.init(f"{tmp_path}/archive") as archive:
        done = [
            gathering.run(archive.rooms, radiolog.RadioLog(str(log), "radiolog"), "radiolog", report)
            for _ in range(2)
        ]
        reader = archive.reader(report)
        rows, _, _ = reader.search("gymnopedie", 10, 0)
        reader.close()

    assert [(d.claims, d.listens, d.withdrawn, d.unchanged) for d in done] == [(2, 3, 0, 0), (0, 0, 0, 2)]
    assert [(row["artist"], row["listens"]) for row in rows] == [("Erik Satie", 3)]
    assert [finding.code for finding in report.findings] == ["listen-malformed"]


def test_the_example_stays_small():
    assert len(SOURCE.splitlines()) < 60
