"""The tables of a study: the lesson beside the paper's rows, every benchmark, every claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from ablations.claims import Verdict
from ablations.confounds import relative_compute
from reports.formats import Entry, Number, Section, Table, decimals, is_loss
from reports.frame import Results
from reports.paper import Published, published
from reports.summary import Setting, benchmark_metrics, label, score, settings, shots_of, title

_NONE = "–"


def lesson(results: Results) -> Table:
    """Our means by setting, and the paper's published rows under them."""
    metrics = results.study["metrics"]
    ours = [
        [*setting.labels, *_numbers(results, setting, metrics), *_cost(results, setting)]
        for setting in settings(results)
    ]
    sections = [Section(f"Measured here ({results.scale} scale)", _best_in_bold(ours))]
    notes = [
        "Mean ± half width of the 95 % t interval over seeds; best of each block in bold.",
        "Compute: training operations of the cells, as multiples of the cheapest; shared stages are not counted.",
    ]
    paper = published(results.study["paper"])
    if paper is not None:
        sections.append(Section(f"Published: {paper.source}", _best_in_bold(_published(results, paper))))
        notes += [f"Published rows: {paper.about}", *paper.footnotes]
        notes.append("The two blocks differ in models, data and benchmarks: compare directions, not levels.")
    columns = [*_axis_columns(results), *map(title, metrics), "seeds", "compute"]
    return Table(results.study["question"], columns, sections, notes)


def benchmarks(results: Results) -> Table:
    """Every benchmark on its own, one block per number of shots."""
    sections, columns = [], []
    for shots in shots_of(benchmark_metrics(results)):
        metrics = benchmark_metrics(results, shots)
        columns = [metric.split("/")[1] for metric in metrics]
        rows = [[*s.labels, *_numbers(results, s, metrics)] for s in settings(results)]
        sections.append(Section(f"{shots}-shot", _best_in_bold(rows)))
    notes = ["Mean ± half width of the 95 % t interval over seeds. Captioning: CIDEr; others: accuracy."]
    return Table("Every benchmark", [*_axis_columns(results), *columns], sections, notes)


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
    return Table("Claims", columns, [Section("", rows)], [METHOD])


METHOD = (
    "Differences are paired by seed and item, in points. Intervals cover seeds and items: hierarchical "
    "bootstrap variance, widened by t quantiles for few seeds. Directions are one-sided tests against the "
    "declared margin, 'does not depend' claims two one-sided tests; p values are Holm-corrected over all "
    "claims of the study."
)


def paper_difference(results: Results, verdict: Verdict) -> str:
    """What the published rows say of a claim: `+3.0 to +3.4` over several pairs of rows, `+3.9` with one."""
    paper = published(results.study["paper"])
    declared = next(claim for claim in results.study["claims"] if claim["name"] == verdict.claim)
    found = sorted({round(gain, 1) for gain in paper.differences(declared)}) if paper else []
    return " to ".join(f"{gain:+.1f}" for gain in dict.fromkeys([*found[:1], *found[-1:]])) or _NONE


def interval(verdict: Verdict) -> str:
    """`+3.2 [+1.0, +5.4]`; without an interval only the difference."""
    digits = decimals(is_loss(verdict.metric))
    if math.isnan(verdict.estimate):
        return _NONE
    if math.isnan(verdict.low):
        return f"{verdict.estimate:+.{digits}f}"
    return f"{verdict.estimate:+.{digits}f} [{verdict.low:+.{digits}f}, {verdict.high:+.{digits}f}]"


def p_value(verdict: Verdict) -> str:
    """Three decimals, or `<0.001`; of the opposite statement where that is what was established."""
    if math.isnan(verdict.low):
        return _NONE
    value = verdict.p_opposite if verdict.verdict == "contradicted" else verdict.p_corrected
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def effect(verdict: Verdict) -> str:
    """Hedges' g over seeds with one decimal."""
    return _NONE if math.isnan(verdict.hedges_g) else f"{verdict.hedges_g:+.1f}"


def sentence(verdict: Verdict) -> str:
    """`reproduced`, or `inconclusive: needs about 3 more seeds`."""
    return f"{verdict.verdict}: {verdict.advice}" if verdict.advice else verdict.verdict


def _axis_columns(results: Results) -> list[str]:
    return [f"{axis['label']} ({axis['unit']})" if axis["unit"] else axis["label"] for axis in results.axes]


def _numbers(results: Results, setting: Setting, metrics: Sequence[str]) -> list[Entry]:
    found = [score(results, setting, metric) for metric in metrics]
    return [
        _NONE if one is None else Number(one.mean, one.half, loss=is_loss(metric))
        for metric, one in zip(metrics, found, strict=True)
    ]


def _cost(results: Results, setting: Setting) -> list[Entry]:
    """Seeds, and training compute relative to the cheapest cell of the study, so that unequal arms show."""
    relative = relative_compute(results.cells)[setting.cells.index].mean()
    return [str(len(set(setting.cells["seed"]))), _NONE if math.isnan(relative) else f"{relative:.2f}×"]


def _published(results: Results, paper: Published) -> list[list[Entry]]:
    """Rows of the paper in our columns, the model's name behind the first axis."""
    rows: list[list[Entry]] = []
    for row in paper.rows:
        axes = [
            label(row.values[axis["field"]]) if axis["field"] in row.values else _NONE
            for axis in results.axes
        ]
        axes[0] += f" ({row.series}){row.mark}"
        numbers: list[Entry] = [
            Number(row.scores[metric]) if metric in row.scores else _NONE
            for metric in results.study["metrics"]
        ]
        rows.append([*axes, *numbers, "1", _NONE])
    return rows


def _best_in_bold(rows: list[list[Entry]]) -> list[list[Entry]]:
    """Mark the largest number of each column, of losses the smallest, if there is more than one."""
    for place in range(len(rows[0]) if rows else 0):
        numbers = [row[place] for row in rows if isinstance(row[place], Number)]
        if len({number.digits for number in numbers}) > 1:
            best = max(numbers, key=lambda number: -number.mean if number.loss else number.mean).digits
            for row in rows:
                if isinstance(row[place], Number) and row[place].digits == best:
                    row[place] = replace(row[place], best=True)
    return rows
