"""Helpers that several folders of tests share."""

from __future__ import annotations

import sys
from pathlib import Path

for _folder in ("catalogue", "dumps"):
    sys.path.append(str(Path(__file__).parents[1] / _folder))
