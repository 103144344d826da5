"""The tables of a study: the lesson beside the paper's rows, every benchmark, every claim."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ablations.claims import Verdict
from ablations.confounds import relative_compute
from ablations.pairing import same
from reports.formats import NONE, Entry, Number, Section, Table, p_text, unit
from reports.frame import Results
from reports.paper import Published, Row, published
from reports.scaling import BEST, PAPER_SLOPE, SIZE
from reports.summary import Setting, benchmark_metrics, label, score, settings, shots_of, title


def lesson(results: Results) -> Table:
    """Our means by setting, and the paper's published rows under them."""
    metrics = results.study["metrics"]
    ours = [
        [*setting.labels, *numbers(results, setting, metrics), *_cost(results, setting)]
        for setting in settings(results)
    ]
    sections = [Section(f"Measured here ({results.scale} scale)", best_in_bold(ours))]
    notes = [
        "Mean ± half width of the 95 % t interval over seeds; best of each block in bold.",
        "Compute: training operations of the cells, as multiples of the cheapest; shared stages are not counted.",
    ]
    paper = published(results.study["paper"])
    if paper is not None:
        sections.append(Section(f"Published: {paper.source}", best_in_bold(_published(results, paper))))
        notes += [f"Published rows: {paper.about}", *paper.footnotes]
        notes.append("The two blocks differ in models, data and benchmarks: compare directions, not levels.")
    columns = [*axis_columns(results), *map(title, metrics), "seeds", "compute"]
    return Table(results.study["question"], columns, sections, notes)


def benchmarks(results: Results) -> Table:
    """Every benchmark on its own, one block per number of shots."""
    names = list(dict.fromkeys(metric.split("/")[1] for metric in benchmark_metrics(results)))
    sections = []
    for shots in shots_of(benchmark_metrics(results)):
        metrics = [f"eval/{name}/{shots}shot" for name in names]
        rows = [[*s.labels, *numbers(results, s, metrics)] for s in settings(results)]
        sections.append(Section(f"{shots}-shot", best_in_bold(rows)))
    notes = ["Mean ± half width of the 95 % t interval over seeds. Captioning: CIDEr; others: accuracy."]
    return Table("Every benchmark", [*axis_columns(results), *names], sections, notes)


def claims(results: Results) -> Table:
    """Every claim with its estimate, interval, corrected p value and verdict."""
    rows = [
        [v.text, interval(v), paper_difference(results, v), p_value(v), effect(v), sentence(v)]
        for v in results.verdicts
    ]
    columns = [
        "claim",
        "difference [95 % interval]",
        "in the paper",
        "corrected p",
        "effect size g",
        "verdict",
    ]
    paper = published(results.study["paper"])
    footnotes = [note for note in paper.footnotes if any(note[0] in row[2] for row in rows)] if paper else []
    law = [LAW] if any(v.metric == BEST for v in results.verdicts) else []
    return Table("Claims", columns, [Section("", rows)], [METHOD, *footnotes, *law])


METHOD = (
    "Differences are paired by seed and item, in points unless a unit is named. Intervals cover seeds and "
    "items: hierarchical bootstrap variance, widened by t quantiles for few seeds. Directions are one-sided "
    "tests against the declared margin, 'does not depend' claims two one-sided tests; p values are "
    "Holm-corrected over all claims of the study."
)

LAW = "By its law: what MM1's law of the learning rate says for our sizes, far below those it was fitted on."


def paper_difference(results: Results, verdict: Verdict) -> str:
    """What the published rows say of a claim: `+3.0 to +3.4†` over several pairs of rows, `+3.9` with one.

    A difference has the mark of the less sure of its rows; of equal ones the surest counts.
    """
    if verdict.metric == BEST and SIZE in results.cells:
        return _by_the_law(results, verdict)
    paper = published(results.study["paper"])
    declared = next(claim for claim in results.study["claims"] if claim["name"] == verdict.claim)
    found = paper.differences(declared) if paper else []
    # of equal differences the last is kept, and none is the first of marks
    surest = dict(sorted(((round(gain, 1), mark) for gain, mark in found), reverse=True))
    ends = dict.fromkeys((min(surest), max(surest))) if surest else ()
    return " to ".join(f"{gain:+.1f}{surest[gain]}" for gain in ends) or NONE


def _by_the_law(results: Results, verdict: Verdict) -> str:
    """Left minus right of the best learning rate (log10) by MM1's law, at the sizes of our language models."""
    left, right = (np.log10(_sizes(results, side)).mean() for side in (verdict.left, verdict.right))
    gain = PAPER_SLOPE * (left - right)
    return NONE if math.isnan(gain) else f"{gain:+.{unit(BEST).decimals}f} by its law"


def _sizes(results: Results, side: Mapping[str, Any]) -> pd.Series:
    """The sizes of the language models on a side of a claim, one per cell."""
    cells = results.cells
    for field, value in side.items():
        cells = cells[np.array([same(found, value) for found in cells[field]], dtype=bool)]
    return cells[SIZE]


def interval(verdict: Verdict) -> str:
    """`+3.2 [+1.0, +5.4]`, with the unit unless it is points; without an interval only the difference."""
    of = unit(verdict.metric)
    if math.isnan(verdict.estimate):
        return NONE
    if math.isnan(verdict.low):
        return f"{verdict.estimate:+.{of.decimals}f}{of.suffix}"
    low, high = f"{verdict.low:+.{of.decimals}f}", f"{verdict.high:+.{of.decimals}f}"
    return f"{verdict.estimate:+.{of.decimals}f} [{low}, {high}]{of.suffix}"


def p_value(verdict: Verdict) -> str:
    """Three decimals, or `<0.001`; of the opposite statement where that is what was established."""
    if math.isnan(verdict.low):
        return NONE
    value = verdict.p_opposite if verdict.verdict == "contradicted" else verdict.p_corrected
    return p_text(value)


def effect(verdict: Verdict) -> str:
    """Hedges' g over seeds with one decimal."""
    return NONE if math.isnan(verdict.hedges_g) else f"{verdict.hedges_g:+.1f}"


def sentence(verdict: Verdict) -> str:
    """`reproduced`, or `inconclusive: needs about 3 more seeds`."""
    return f"{verdict.verdict}: {verdict.advice}" if verdict.advice else verdict.verdict


def axis_columns(results: Results) -> list[str]:
    """The headings of the axes, with their units."""
    return [f"{axis['label']} ({axis['unit']})" if axis["unit"] else axis["label"] for axis in results.axes]


def numbers(results: Results, setting: Setting, metrics: Sequence[str]) -> list[Entry]:
    """Our mean and half width of each metric at a setting."""
    found = [score(results, setting, metric) for metric in metrics]
    return [
        NONE if one is None else Number(one.mean, one.half, unit(metric))
        for metric, one in zip(metrics, found, strict=True)
    ]


def _cost(results: Results, setting: Setting) -> list[Entry]:
    """Seeds, and training compute relative to the cheapest cell of the study, so that unequal arms show."""
    relative = relative_compute(results.cells)[setting.cells.index].mean()
    return [str(len(set(setting.cells["seed"]))), NONE if math.isnan(relative) else f"{relative:.2f}×"]


def _published(results: Results, paper: Published) -> list[list[Entry]]:
    """Rows of the paper in our columns."""
    rows: list[list[Entry]] = []
    for row in paper.rows:
        found: list[Entry] = [
            Number(row.scores[metric], unit=unit(metric)) if metric in row.scores else NONE
            for metric in results.study["metrics"]
        ]
        rows.append([*row_labels(results, row), *found, "1", NONE])
    return rows


def row_labels(results: Results, row: Row) -> list[str]:
    """A published row's values of our axes, the model's name behind the first."""
    named = [axis["field"] for axis in results.axes]
    texts = [label(row.values[field]) if field in row.values else NONE for field in named]
    return [f"{texts[0]} ({row.series}){row.mark}", *texts[1:]]


def best_in_bold(rows: list[list[Entry]]) -> list[list[Entry]]:
    """Mark the largest number of each column, the smallest where less is better, if there is more than one."""
    for place in range(len(rows[0]) if rows else 0):
        found = [row[place] for row in rows if isinstance(row[place], Number)]
        if len({one.digits for one in found}) > 1:
            best = max(found, key=lambda one: -one.mean if one.unit.less_is_better else one.mean).digits
            for row in rows:
                if isinstance(row[place], Number) and row[place].digits == best:
                    row[place] = replace(row[place], best=True)
    return rows
