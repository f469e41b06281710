"""Audit and repair over an archive and all its places."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lockgroove import locks
from lockgroove.findings import Finding
from lockgroove.journal import Journal
from lockgroove.report import Report
from lockgroove.storage import LocalStorage
from lockgroove.vault import HeldIndex, audit, repair
from lockgroove.vault.audit import (
    NOTHING,
    AuditResult,
    Expected,
    check,
    expected_by_inventory,
    expected_claims,
)  # fmt: skip
from lockgroove.vault.chains import check_copy, mend_writer
from lockgroove.vault.places import DECLARATION, lacking, settle
from lockgroove.vault.repair import empty_quarantine


@dataclass
class CareResult:
    """What was read and found, here and at each place. Journals are told by the home's name."""

    results: dict[str, AuditResult] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    journals: dict[str, list[Finding]] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)
    unmended: list[Finding] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        """Whether anything is damaged now."""
        return self.left_damaged(self.findings)

    def left_damaged(self, findings: Iterable[Finding]) -> bool:
        """Whether one of the findings is damage that was not mended."""
        mended = set(self.mended)
        return any(f.severity == "damage" and f.where not in mended for f in findings)

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


@dataclass(frozen=True)
class _Homes:
    """What a campaign of care goes over."""

    here: LocalStorage
    places: Mapping[str, LocalStorage]
    index: HeldIndex
    journal: Journal
    report: Report

    def answering(self) -> dict[str, LocalStorage]:
        """By name, ourselves first. An empty mount point is a folder, but no place."""
        return {"here": self.here} | {name: p for name, p in self.places.items() if _answers(p)}


def _answers(place: LocalStorage) -> bool:
    return place.available() and place.size(DECLARATION) is not None


def audit_everywhere(
    here: LocalStorage,
    places: Mapping[str, LocalStorage],
    index: HeldIndex,
    journal: Journal,
    report: Report,
) -> CareResult:
    """Read every byte of the truth here and at every place that answers; journal each audit."""
    care = CareResult()
    homes = _Homes(here, places, index, journal, report)
    _tell_journal(homes, "here", journal.check(index.positions()), care)
    _audit_one(homes, "here", here, care)
    for name, place in places.items():
        if _answers(place):
            ours = None if care.journals["here"] else here
            _tell_journal(homes, name, check_copy(place, ours), care)
            _audit_one(homes, name, place, care)
        else:
            _tell(Finding("place-absent", name, place.root), care, report)
    return care


def _tell_journal(homes: _Homes, name: str, findings: Sequence[Finding], care: CareResult) -> None:
    prefix = "" if name == "here" else f"{name}:"
    for finding in findings:
        _tell(Finding(finding.code, prefix + finding.where, finding.detail), care, homes.report)
    care.journals[name] = [f for f in findings if f.severity == "damage"]


def _audit_one(homes: _Homes, name: str, storage: LocalStorage, care: CareResult) -> None:
    lacks = NOTHING
    if name != "here" and not care.journals["here"] and not care.journals[name]:
        lacks = lacking(homes.here, homes.journal, storage)
    if lacks.events:
        _tell(Finding("place-behind", name, f"{lacks.events} events"), care, homes.report)
    label = "" if name == "here" else name
    result = audit(storage, homes.index, homes.report, label, lacks)
    care.results[name] = result
    care.findings.extend(finding for _, finding in result.findings)
    if not care.journals["here"]:
        homes.journal.append("audited", {"place": name}, result.outcome())


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
    """Audit, then mend each damaged file from another storage that has it good. Under the vault's lock."""
    homes = _Homes(here, places, index, journal, report)
    for place in homes.answering().values():
        if place is not here:
            settle(place)
    care = audit_everywhere(here, places, index, journal, report)
    was_damaged = bool(care.journals["here"])
    for name, storage in homes.answering().items():
        if was_damaged and storage is not here and not (care.journals["here"] or care.journals[name]):
            _tell_journal(homes, name, check_copy(storage, here), care)  # now that ours is sound
        _mend_journal(homes, name, care)
    if care.journals["here"]:
        return care  # nothing may be acknowledged behind a damaged line
    index.catch_up()
    for name, storage in homes.answering().items():
        _mend_files(homes, name, _broken(care.results[name].findings), care)
        _mend_deposits(homes, name, care)
        if not care.left_damaged(finding for _, finding in care.results[name].findings):
            empty_quarantine(storage)
    index.catch_up()  # what a mended `deposit.json` tells
    return care


def _mend_journal(homes: _Homes, name: str, care: CareResult) -> None:
    prefix = "" if name == "here" else f"{name}:"
    for finding in list(care.journals[name]):
        where = prefix + finding.where
        aside = _mended_writer(homes, name, finding.where.rpartition("/")[2].rpartition("-")[0])
        if not aside:
            lost = Finding("unrepairable", where)
            care.unmended.append(lost)
            homes.report.finding(lost)
            continue
        care.journals[name].remove(finding)
        care.mended.append(where)
        homes.report.item({"mended": where, "from": "another copy"})
        if not care.journals["here"]:
            homes.journal.append("repaired", {"place": name, "paths": [where]}, {"outcome": "success"})
        for path in aside:
            homes.answering()[name].remove(path)


def _mended_writer(homes: _Homes, name: str, writer: str) -> list[str]:
    answering = homes.answering()
    home = answering.pop(name)
    if name != "here":
        return mend_writer(home, writer, list(answering.values()), bounded=True)
    with locks.hold(home.path("journal"), "journal", wait_seconds_max=30):
        return mend_writer(home, writer, list(answering.values()), homes.index.positions().get(writer))


def _mend_files(homes: _Homes, name: str, broken: Sequence[Expected], care: CareResult) -> None:
    if not broken:
        return
    answering = homes.answering()
    home = answering.pop(name)
    label = "" if name == "here" else name
    with _still(homes, name, broken) as expected:
        done = repair(home, label, expected, list(answering.values()), homes.journal, homes.report)
    care.mended.extend(done.mended)
    care.unmended.extend(done.findings)


@contextlib.contextmanager
def _still(homes: _Homes, name: str, broken: Sequence[Expected]) -> Iterator[list[Expected]]:
    """A pack of claims may grow while it is mended: gather waits, and what it added meanwhile counts too."""
    if name != "here" or not any(e.code == "claims-damaged" for e in broken):
        yield list(broken)
        return
    with locks.hold(homes.here.path("staging"), "claims"):
        homes.index.catch_up()
        packs = {expected.path: expected for expected in expected_claims(homes.index)}
        yield [packs.get(expected.path, expected) for expected in broken]


def _mend_deposits(homes: _Homes, name: str, care: CareResult) -> None:
    """While both copies of an inventory were damaged, nothing could be said of its `deposit.json`."""
    storage, prefix = homes.answering()[name], "" if name == "here" else f"{name}:"
    broken, told = [], {f.where for f in care.findings}
    for identifier in _with_damaged_inventory(care.results[name].findings):
        held = homes.index.object(identifier)
        for expected in expected_by_inventory(storage, homes.index, held) if held else ():
            problem = check(storage, expected, prefix)
            if problem is not None and problem.where not in told:
                _tell(problem, care, homes.report)
                broken.append(expected)
    _mend_files(homes, name, broken, care)


def _with_damaged_inventory(findings: Sequence[tuple[Expected | None, Finding]]) -> list[str]:
    return sorted({e.object_id for e, _ in findings if e and e.code == "inventory-damaged"})


def _broken(findings: Sequence[tuple[Expected | None, Finding]]) -> list[Expected]:
    return [expected for expected, finding in findings if expected and finding.severity == "damage"]
