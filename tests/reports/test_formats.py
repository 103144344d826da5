"""The three spellings of a table: same digits, escaped, and shaped as their formats demand."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ablations.claims import Verdict
from reports import tables
from reports.formats import (
    LOG10,
    LOSS,
    POINTS,
    RATIO,
    Number,
    Section,
    Table,
    Unit,
    comma_separated,
    escape,
    latex,
    markdown,
    unit,
)

TABLE = Table(
    "50 % & more_less",
    ["name", "score"],
    [
        Section("ours", [["a|b", Number(31.25, 1.14)], ["c_d", Number(40.0, best=True)]]),
        Section("theirs", [["†", "–"]]),
    ],
    ["a note with #, $ and {braces}"],
)


def test_all_formats_print_the_same_digits() -> None:
    spread_out = list(csv.reader(io.StringIO(comma_separated(TABLE))))
    assert spread_out[0] == ["section", "name", "score", "score ±"]
    assert spread_out[1] == ["ours", "a|b", "31.2", "1.1"]
    assert spread_out[2] == ["ours", "c_d", "40.0", ""]
    assert "31.2 ± 1.1" in markdown(TABLE) and "**40.0**" in markdown(TABLE)
    assert r"31.2 $\pm$ 1.1" in latex(TABLE) and r"\textbf{40.0}" in latex(TABLE)


def test_markdown_keeps_its_columns() -> None:
    rows = [line for line in markdown(TABLE).splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_latex_escapes_everything_special() -> None:
    assert escape("50 % & a_b #1 ${x}^~") == r"50 \% \& a\_b \#1 \$\{x\}\textasciicircum{}\textasciitilde{}"
    text = latex(TABLE)
    assert text.isascii()
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    bare = re.sub(r"\\.", "", text)
    assert "%" not in bare and "#" not in bare and "_" not in bare


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex on this machine")
def test_latex_compiles(tmp_path: Path) -> None:
    preamble = "\\documentclass{article}\\usepackage{booktabs}"
    document = preamble + "\\begin{document}" + latex(TABLE) + "\\end{document}"
    (tmp_path / "table.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_of_losses_the_smallest_is_best_and_its_digits_are_shown() -> None:
    rows = [
        ["a", Number(0.412, 0.02, unit=LOSS), Number(41.2)],
        ["b", Number(0.444, unit=LOSS), Number(44.4)],
    ]
    (_, loss, score), (_, other, higher) = tables.best_in_bold(rows)
    assert (loss.text, other.text) == ("0.412 ± 0.020", "0.444")
    assert [loss.best, other.best, score.best, higher.best] == [True, False, False, True]


@pytest.mark.parametrize(
    "metric, expected",
    [
        ("eval/average/8shot", POINTS),
        ("eval/text/lore", POINTS),
        ("final/held_out_loss", LOSS),
        ("best/log10", LOG10),
        ("multimodal/entropy", RATIO),
    ],
)
def test_a_metric_has_one_unit_whatever_prints_it(metric: str, expected: Unit) -> None:
    assert unit(metric) is expected


def test_a_difference_is_shown_in_its_unit() -> None:
    about = {
        "claim": "c",
        "text": "t",
        "kind": "greater",
        "left": {},
        "right": {},
        "margin": 0,
        "alpha": 0.05,
    }
    numbers = {"estimate": 0.1332, "low": -0.0591, "high": 0.3251}
    assert tables.interval(Verdict(metric="best/log10", **about, **numbers)) == (
        "+0.133 [-0.059, +0.325] log10 units"
    )
    assert tables.interval(Verdict(metric="final/loss", **about, **numbers)).endswith("] nats")
    assert tables.interval(Verdict(metric="eval/average/8shot", **about, **numbers)) == "+0.1 [-0.1, +0.3]"
    assert tables.interval(Verdict(metric="final/loss", **about, estimate=-0.0324)) == "-0.032 nats"
