"""What pages name is there, and decisions have their shape."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("changelog/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:docs|tests|tools|changelog)/[\w./-]+|[A-Z]+\.md|LICENSE)`", text)
    shown = [str(page.parent.relative_to(ROOT) / path) for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)]

    assert [path for path in [*named, *shown] if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", DECISIONS, ids=_name)
def test_a_decision_has_its_parts(page):
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {page.name[:4]} ")
    assert re.findall(r"^\*\*(Context|Decision|Figures|Consequences)\.\*\*", text, re.M)[:2] == [
        "Context",
        "Decision",
    ]
    assert "**Consequences.**" in text


def test_decisions_are_numbered_without_gaps():
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_architecture_is_two_pages():
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 130
