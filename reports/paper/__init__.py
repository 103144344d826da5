"""The published numbers, with their source and how sure each is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

CONFIDENCE = {
    "two": ("", "two independent public copies agree"),
    "figure": ("†", "read once, off a picture of the paper's own table"),
}
"""How sure a number is -> its mark in a table, and what the mark means. Nothing less sure is shown."""


@dataclass(frozen=True)
class Row:
    """One row of a published table: metric -> score (0-100; CIDEr x 100)."""

    series: str
    value: Any
    scores: dict[str, float]
    confidence: str

    @property
    def mark(self) -> str:
        """What stands behind the row's name."""
        return CONFIDENCE[self.confidence][0]


@dataclass(frozen=True)
class Published:
    """A table of the paper: `axis` is the configuration field that `Row.value` belongs to."""

    source: str
    about: str
    axis: str
    rows: tuple[Row, ...]

    def gains(self, metric: str) -> list[float]:
        """Per series: the score at its largest value of the axis minus that at its smallest."""
        found = []
        for series in {row.series: None for row in self.rows}:
            rows = sorted((row for row in self.rows if row.series == series), key=lambda row: row.value)
            if metric in rows[0].scores:
                found.append(rows[-1].scores[metric] - rows[0].scores[metric])
        return found

    @property
    def footnotes(self) -> list[str]:
        """The meaning of every mark that occurs."""
        used = {row.confidence for row in self.rows}
        return [f"{mark} {meaning}" for name, (mark, meaning) in CONFIDENCE.items() if mark and name in used]


@cache
def published(table: str | None) -> Published | None:
    """The table a study names; None if the study names none.

    Raises:
        KeyError: no such table, or a row whose confidence is not one of CONFIDENCE.
    """
    if table is None:
        return None
    entry = yaml.safe_load((files("reports.paper") / "mm1.yaml").read_text(encoding="utf-8"))[table]
    return Published(
        entry["source"],
        entry["about"],
        entry["axis"],
        tuple(_row(row, entry["columns"]) for row in entry["rows"]),
    )


def _row(row: dict[str, Any], columns: list[str]) -> Row:
    if row["confidence"] not in CONFIDENCE:
        raise KeyError(f"confidence '{row['confidence']}' of {row['series']}: not sure enough to be shown")
    scores = dict(zip(columns, row["scores"], strict=True))
    return Row(row["series"], row["value"], scores, row["confidence"])
