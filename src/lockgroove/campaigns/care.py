"""Audit and repair over an archive and all its places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockgroove.findings import Finding
from lockgroove.journal import Journal
from lockgroove.report import Report
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex, audit, repair
from lockgroove.vault.audit import AuditResult, Expected


@dataclass
class CareResult:
    """What was read and found, here and at each place."""

    results: dict[str, AuditResult] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    unmended: list[Finding] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Whether anything is damaged now."""
        return any(f.severity == "damage" for f in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Counts for programs."""
        return {
            "files": sum(r.files for r in self.results.values()),
            "bytes": sum(r.bytes for r in self.results.values()),
            "places": sorted(self.results),
            "findings": len(self.findings),
            "mended": len(self.mended),
            "unmended": len(self.unmended),
        }


def audit_everywhere(
    here: LocalStorage,
    places: Mapping[str, LocalStorage],
    index: HeldIndex,
    journal: Journal,
    report: Report,
) -> CareResult:
    """Read every byte of the truth here and at every place that answers; journal each audit."""
    care = CareResult()
    for finding in journal.check():
        care.findings.append(finding)
        report.finding(finding)
    _audit_one(here, "", index, journal, report, care)
    for name, place in places.items():
        if place.available():
            _audit_one(place, name, index, journal, report, care)
        else:
            _tell(Finding("place-absent", name, place.root), care, report)
    return care


def _audit_one(
    storage: LocalStorage, label: str, index: HeldIndex, journal: Journal, report: Report, care: CareResult
) -> None:
    result = audit(storage, index, report, label)
    care.results[result.place] = result
    care.findings.extend(finding for _, finding in result.findings)
    if not any(f.code == "journal-damaged" for f in care.findings):
        journal.append("audited", {"place": result.place}, result.outcome())


def _tell(finding: Finding, care: CareResult, report: Report) -> None:
    care.findings.append(finding)
    report.finding(finding)


def repair_everywhere(
    here: LocalStorage,
    places: Mapping[str, LocalStorage],
    index: HeldIndex,
    journal: Journal,
    report: Report,
) -> CareResult:
    """Audit, then mend each damaged file from another storage that has it good."""
    care = audit_everywhere(here, places, index, journal, report)
    homes = {"here": here} | {name: place for name, place in places.items() if place.available()}
    for name, result in list(care.results.items()):
        broken = _broken(result.findings)
        if not broken:
            continue
        others = [home for other, home in homes.items() if other != name]
        done = repair(homes[name], "" if name == "here" else name, broken, others, journal, report)
        care.mended.extend(done.mended)
        care.unmended.extend(done.findings)
    if care.mended:
        for identifier in list(index.untold):
            held = index.object(identifier)
            if held is not None:
                index.take_deposit(held.id, held.path)
    return care


def _broken(findings: Sequence[tuple[Expected | None, Finding]]) -> list[Expected]:
    return [expected for expected, finding in findings if expected and finding.severity == "damage"]
