"""The published numbers, with their source and how sure each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Any, NamedTuple

import yaml

from ablations.errors import UserError, closest
from ablations.pairing import canonical, same

CONFIDENCE = {
    "two": ("", "two independent public copies agree"),
    "figure": ("†", "read once, off a picture of the paper's own table or figure"),
}
"""How sure a number is -> its mark in a table, and what the mark means. Nothing less sure is shown."""


@dataclass(frozen=True)
class Row:
    """One row of a published table: axis -> value in the paper's terms, metric -> score (0-100; CIDEr x 100)."""

    series: str
    values: Mapping[str, Any]
    scores: Mapping[str, float]
    confidence: str

    @property
    def mark(self) -> str:
        """What stands behind the row's name."""
        return CONFIDENCE[self.confidence][0]


class Difference(NamedTuple):
    """One published score minus another, and the mark of the less sure of the two."""

    gain: float
    mark: str


@dataclass(frozen=True)
class Published:
    """A table of the paper. Rows of one series differ in the axes alone."""

    source: str
    about: str
    rows: tuple[Row, ...]

    def differences(self, claim: Mapping[str, Any]) -> list[Difference]:
        """What the claim says left minus right of: for every pair of rows of a series that agree in all other axes.

        `max` and `min` are those of the series.
        """
        found = []
        for series in {row.series: None for row in self.rows}:
            rows = [row for row in self.rows if row.series == series and claim["metric"] in row.scores]
            left, right = (_select(rows, claim[side]) for side in ("left", "right"))
            found += [
                Difference(
                    one.scores[claim["metric"]] - other.scores[claim["metric"]], max(one.mark, other.mark)
                )
                for one, other in product(left, right)
                if one is not other and _rest(one, claim) == _rest(other, claim)
            ]
        return found

    @property
    def footnotes(self) -> list[str]:
        """The meaning of every mark that occurs."""
        used = {row.confidence for row in self.rows}
        return [f"{mark} {meaning}" for name, (mark, meaning) in CONFIDENCE.items() if mark and name in used]


def _select(rows: Sequence[Row], side: Mapping[str, Any]) -> list[Row]:
    """The rows with these values; a series that lacks one of the axes has none."""
    for axis, wanted in side.items():
        rows = [row for row in rows if axis in row.values]
        if rows and wanted in ("max", "min"):
            wanted = {"max": max, "min": min}[wanted](row.values[axis] for row in rows)
        rows = [row for row in rows if same(row.values[axis], wanted)]
    return list(rows)


def _rest(row: Row, claim: Mapping[str, Any]) -> str:
    """The values that the claim leaves open."""
    chosen = {*claim["left"], *claim["right"]}
    return canonical({axis: value for axis, value in row.values.items() if axis not in chosen})


def published(table: str | None) -> Published | None:
    """The table a study names; None if the study names none.

    Raises:
        UserError: no such table.
    """
    if table is None:
        return None
    tables = _tables()
    if table not in tables:
        raise UserError(
            f"a study names the published table '{table}', which there is not; known: {', '.join(tables)}."
            f"{closest(table, list(tables))}"
        )
    return tables[table]


def after_tuning(study: str) -> Published | None:
    """What the paper measured for a study's question after fine-tuning, on benchmarks of its own, if it did."""
    return _tables().get(f"{study}-after-tuning")


@cache
def _tables() -> dict[str, Published]:
    """Every published table by name; a KeyError if a row's confidence is not one of CONFIDENCE."""
    entries = yaml.safe_load((files("reports.paper") / "mm1.yaml").read_text(encoding="utf-8"))
    return {
        name: Published(
            entry["source"], entry["about"], tuple(_row(row, entry["columns"]) for row in entry["rows"])
        )
        for name, entry in entries.items()
    }


def _row(row: Mapping[str, Any], columns: Sequence[str]) -> Row:
    if row["confidence"] not in CONFIDENCE:
        raise KeyError(f"confidence '{row['confidence']}' of {row['series']}: not sure enough to be shown")
    return Row(
        row["series"], row["values"], dict(zip(columns, row["scores"], strict=True)), row["confidence"]
    )
