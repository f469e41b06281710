"""The ledgers of docs/ are what `tools/ledgers.py` writes, and what they name is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"


@pytest.fixture(scope="module")
def ledgers():
    spec = importlib.util.spec_from_file_location("ledgers", ROOT / "tools" / "ledgers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(ledgers):
    stale = [
        path.name for path, text in ledgers.ledgers().items() if path.read_text(encoding="utf-8") != text
    ]

    assert stale == [], "run: python tools/ledgers.py"


def test_every_test_that_holds_a_rule_exists(ledgers):
    there = set(re.findall(r"^def (test_\w+)", (ROOT / ledgers.OCFL_TESTS).read_text(encoding="utf-8"), re.M))
    named = {
        test
        for rules in ledgers.OCFL.values()
        for *_, held in rules
        if not isinstance(held, str)
        for test in held
    }

    assert named <= there


def test_every_code_of_the_standard_stands_once(ledgers):
    codes = [code for rules in ledgers.OCFL.values() for code, *_ in rules]

    # The standard has no E065, E068, E086, E091 and E109, and no W006.
    assert len(codes) == len(set(codes))
    errors = {f"E{n:03}" for n in range(1, 113)} - {"E065", "E068", "E086", "E091", "E109"}
    warnings = {f"W{n:03}" for n in range(1, 17)} - {"W006"}
    assert set(codes) == errors | warnings


def test_the_glossary_has_each_word_once():
    words = re.findall(r"^- \*\*(.+?)\*\*:", GLOSSARY.read_text(encoding="utf-8"), re.M)
    single = [word for entry in words for word in entry.split(", ")]

    assert len(single) == len(set(single))
    assert len(single) > 70
