"""Every fault that the page on reliability names has its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reliability.md").read_text()
FAULTS = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row[0][2:40])
def test_every_fault_of_the_page_has_its_tests(row: list[str]) -> None:
    defined = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    chosen = [text for text in re.findall(r"`([^`]+)`", row[-1]) if not text.startswith("nox")]
    assert chosen
    for name in [name for text in chosen for name in text.split(" or ")]:
        assert re.search(rf"def test_\w*{name}", defined) or name == "fuzz", name
