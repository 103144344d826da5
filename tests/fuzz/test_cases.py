"""Sweep files that once broke the parser are answered."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from sweeps import CASES, answer


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yaml")), ids=lambda case: case.stem)
def test_a_kept_case_is_answered(case: Path, tmp_path: Path) -> None:
    assert answer(case.read_text(encoding="utf-8"), tmp_path)
