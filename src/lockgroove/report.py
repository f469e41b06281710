"""How a long piece of work tells what it does. The doors decide how that looks; the core only tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lockgroove.findings import Finding


class Report(Protocol):
    """Where work in progress is told."""

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """So much is done of so much; `total` None when it is not known."""

    def item(self, item: Mapping[str, Any]) -> None:
        """One thing was done, or one line of an answer."""

    def finding(self, finding: Finding) -> None:
        """Something was discovered."""


class Silence:
    """A report that nobody reads, but that counts the findings by code."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        """Nothing."""

    def item(self, item: Mapping[str, Any]) -> None:
        """Nothing."""

    def finding(self, finding: Finding) -> None:
        """Kept in order."""
        self.findings.append(finding)
