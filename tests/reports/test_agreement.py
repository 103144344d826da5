"""Markdown, LaTeX, CSV and JSON of a report say the same, table by table and cell by cell."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.build import build, tables_of
from reports.formats import FORMATS, escape, unit
from reports.frame import read
from reports.summary import ROUTING, title

Rows = list[list[str]]
"""The columns, then each row behind the heading of its section."""


@pytest.fixture(scope="module")
def report(store: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("agreement")
    build(["demo"], out, store)
    return out


def from_csv(text: str) -> Rows:
    """A number and its half width are two columns there; here they are one."""
    header, *rows = csv.reader(io.StringIO(text))
    halves = [name.endswith(" ±") for name in header]

    def joined(row: Sequence[str]) -> list[str]:
        entries: list[str] = []
        for entry, is_half in zip(row, halves, strict=True):
            if not is_half:
                entries.append(entry)
            elif entry:
                entries[-1] += f" ± {entry}"
        return entries

    columns = [name for name, is_half in zip(header, halves, strict=True) if not is_half]
    return [columns[1:], *map(joined, rows)]


def from_markdown(text: str) -> Rows:
    lines = [line[2:-2] for line in text.splitlines() if line.startswith("| ")]
    rows = [[entry.replace("\\|", "|") for entry in re.split(r" (?<!\\)\| ", line)] for line in lines]
    return [
        rows[0],
        *under_headings([[entry.replace("**", "") for entry in row] for row in rows[1:]], r"\*(.+)\*"),
    ]


def from_latex(text: str) -> Rows:
    body = text.partition(r"\toprule")[2].partition(r"\bottomrule")[0]
    lines = [line.removesuffix(r" \\") for line in body.splitlines() if line.endswith(r"\\")]
    rows = [[re.sub(r"\\textbf\{([^}]*)\}", r"\1", entry) for entry in line.split(" & ")] for line in lines]
    return [rows[0], *under_headings(rows[1:], r"\\multicolumn\{\d+\}\{l\}\{\\emph\{(.+)\}\}")]


def under_headings(rows: Rows, heading: str) -> Iterator[list[str]]:
    """The rows behind the heading they stand under, which is a row with one entry."""
    under = ""
    for row in rows:
        if (match := re.fullmatch(heading, row[0])) and not any(row[1:]):
            under = match[1]
        else:
            yield [under, *row]


def compare(spelt: Mapping[str, str]) -> None:
    """The same table in all formats."""
    said = from_csv(spelt["csv"])
    assert len(said) > 1
    assert from_markdown(spelt["md"]) == said
    assert from_latex(spelt["tex"]) == [[escape(entry) for entry in row] for row in said]


def test_every_table_of_a_report_is_the_same_in_all_formats(report: Path) -> None:
    files = sorted((report / "demo").glob("*.csv"))
    assert [file.stem for file in files] == ["benchmarks", "claims", "lesson", "text"]
    for file in files:
        compare({ending: file.with_suffix(f".{ending}").read_text() for ending in FORMATS})


def test_so_are_the_tables_that_only_some_studies_have(store: str) -> None:
    results = read("demo", store)
    routed = results.cells.assign(**{name: 1 + results.cells["seed"] / 30 for name in ROUTING})
    sparse = replace(results, cells=routed, study={**results.study, "name": "moe"})
    assert {"text", "routing", "after-tuning"} <= {*tables_of(sparse)}
    for make in tables_of(sparse).values():
        compare({ending: spell(make(sparse)) for ending, spell in FORMATS.items()})


def study(report: Path) -> dict[str, Any]:
    return json.loads((report / "results.json").read_text())["studies"][0]


def rows(report: Path, table: str) -> list[dict[str, str]]:
    columns, *found = from_csv((report / f"demo/{table}.csv").read_text())
    return [dict(zip(["section", *columns], row, strict=True)) for row in found]


def spelt(metric: str, score: Mapping[str, float]) -> str:
    return f"{score['mean']:.{unit(metric).decimals}f} ± {score['half']:.{unit(metric).decimals}f}"


def test_scores_in_json_are_those_of_the_tables(report: Path) -> None:
    """Each score once: in the table of the lesson, of the benchmarks or of the text-only benchmarks."""
    shown = {}
    for table in ("lesson", "benchmarks", "text"):
        for row in rows(report, table):
            resolution = row.pop("resolution (px)")
            section = row.pop("section")
            for column, text in row.items():
                shown[table, section, resolution, column] = text
    seen = 0
    for setting in study(report)["settings"]:
        resolution = str(setting["axes"]["encoder.resolution"])
        for metric, score in setting["scores"].items():
            assert shown[*place(metric, resolution)] == spelt(metric, score)
            seen += 1
    assert seen == 4 * (4 + 9 + 2)


def place(metric: str, resolution: str) -> tuple[str, str, str, str]:
    """The table, section, row and column that show a metric."""
    _, benchmark, last = metric.split("/")
    if benchmark == "average" or metric == "eval/text/average":
        return "lesson", "Measured here (micro scale)", resolution, title(metric)
    if benchmark == "text":
        return "text", "", resolution, last
    return "benchmarks", last.replace("shot", "-shot"), resolution, benchmark


def test_claims_in_json_are_those_of_the_table(report: Path) -> None:
    claims = study(report)["claims"]
    for claim, row in zip(claims, rows(report, "claims"), strict=True):
        decimals = unit(claim["metric"]).decimals
        estimate, low, high = (f"{claim[name]:+.{decimals}f}" for name in ("estimate", "low", "high"))
        p = "<0.001" if claim["p_corrected"] < 0.001 else f"{claim['p_corrected']:.3f}"
        assert row["claim"] == claim["text"]
        assert row["difference [95 % interval]"] == f"{estimate} [{low}, {high}]"
        assert (row["in the paper"], row["corrected p"]) == (claim["in_the_paper"], p)
        assert (row["effect size g"], row["verdict"]) == (f"{claim['hedges_g']:+.1f}", claim["verdict"])
    assert claims[1]["in_the_paper"] == "+2.6 to +5.5†"


def test_published_rows_in_json_are_those_of_the_table(report: Path) -> None:
    published = study(report)["published"]["rows"]
    table = [row for row in rows(report, "lesson") if row["section"].startswith("Published")]
    for said, row in zip(published, table, strict=True):
        assert said["series"] in row["resolution (px)"]
        assert row["resolution (px)"].endswith("†") == (said["confidence"] == "figure")
        assert {
            title(metric): f"{score:.1f}" for metric, score in said["scores"].items()
        }.items() <= row.items()
