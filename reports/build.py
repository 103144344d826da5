"""MLflow runs -> tables, figures, one page, and the same as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ablations import tracking
from ablations.errors import UserError
from ablations.studies import in_order
from ablations.studies.ranking import RANKING
from reports import tables
from reports.figures import draw
from reports.formats import FORMATS, Table
from reports.frame import Results, curves, read
from reports.further import further_tables
from reports.page import Chapter, render
from reports.paper import after_tuning, published
from reports.ranking import Ranked, rank
from reports.ranking_view import TABLES as RANKING_TABLES
from reports.ranking_view import draw_ranking
from reports.scaling import scaling_table
from reports.style import save, styled
from reports.summary import (
    benchmark_metrics,
    halves_with_items,
    routing_metrics,
    score,
    settings,
    text_metrics,
)

_TABLES = {"lesson": tables.lesson, "benchmarks": tables.benchmarks, "claims": tables.claims}


def tables_of(results: Results) -> dict[str, Callable[[Results], Table]]:
    """The tables of a study by name."""
    scaling = {"scaling": scaling_table} if results.study.get("optimum") else {}
    return _TABLES | scaling | further_tables(results)


def build(studies: Sequence[str] | None, out: Path, tracking_uri: str) -> list[Path]:
    """Write the report of some studies (None: all that have runs) into `out`. Returns what was written.

    `index.html` is the page, `results.json` what `as_json` gives; a folder per study has tables and figures.

    Raises:
        UserError: nothing to report.
    """
    found = _read_all(studies, tracking_uri)
    written, chapters = [], []
    for results in found:
        folder = out / results.study["name"]
        figures = draw(results, curves(results, tracking_uri), folder)
        chapters.append(Chapter(results, figures))
        written += [path for png, _ in figures.values() for path in (png, png.with_suffix(".svg"))]
        for name, make in tables_of(results).items():
            table = make(results)
            for ending, spell in FORMATS.items():
                written.append(_write(folder / f"{name}.{ending}", spell(table)))
    ranked = rank(RANKING, found)
    if ranked is not None:
        written += _write_ranking(ranked, out / "ranking")
    data = json.dumps(_json(found, ranked), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    page = _write(out / "index.html", render(chapters, ranked, out / "ranking" / "effects.png"))
    return [page, _write(out / "results.json", data), *written]


def as_json(studies: Sequence[str] | None, tracking_uri: str) -> dict[str, Any]:
    """Claims, verdicts, estimates and intervals as plain data. Raises UserError as `build` does."""
    found = _read_all(studies, tracking_uri)
    return _json(found, rank(RANKING, found))


def ranking(tracking_uri: str) -> Ranked:
    """The ranking over all studies that have runs.

    Raises:
        UserError: fewer than two of its factors have been measured.
    """
    found = rank(RANKING, _read_all(None, tracking_uri))
    if found is None:
        needed = ", ".join(dict.fromkeys(factor.study for factor in RANKING.factors))
        raise UserError(f"a ranking needs finished cells of at least two of: {needed}")
    return found


def _read_all(studies: Sequence[str] | None, tracking_uri: str) -> list[Results]:
    """Studies named are required; of all studies, those with finished cells. The store is asked once."""
    sweeps = tracking.sweeps(tracking_uri)
    ids = {cell["id"] for sweep in sweeps for cell in sweep.declaration["cells"]}
    runs = tracking.cells(tracking_uri, sorted(ids))
    if studies:
        return [read(study, tracking_uri, runs=runs) for study in studies]
    names = in_order({sweep.declaration["study"]["name"] for sweep in sweeps})
    found, reasons = [], []
    for name in names:
        try:
            found.append(read(name, tracking_uri, runs=runs))
        except UserError as reason:
            reasons.append(str(reason))
    if not found:
        raise UserError(
            "\n".join(reasons) or f"no runs in {tracking_uri}; run a study first, see `ablate list`"
        )
    return found


def _write_ranking(ranked: Ranked, folder: Path) -> list[Path]:
    with styled():
        figure = save(draw_ranking(ranked), folder / "effects")
    tables = {name: make(ranked) for name, make in RANKING_TABLES.items()}
    return [figure, figure.with_suffix(".svg")] + [
        _write(folder / f"{name}.{ending}", spell(table))
        for name, table in tables.items()
        for ending, spell in FORMATS.items()
    ]


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def _json(found: Sequence[Results], ranked: Ranked | None) -> dict[str, Any]:
    return _nine_digits(
        {
            "studies": [_study(results) for results in found],
            "ranking": ranked.as_json() if ranked else None,
        }
    )


def _nine_digits(value: Any) -> Any:
    """Every float at nine significant digits; the last of its sixteen differ from processor to processor."""
    if isinstance(value, dict):
        return {name: _nine_digits(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_nine_digits(one) for one in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def _study(results: Results) -> dict[str, Any]:
    study = results.study
    return {
        **{name: study[name] for name in ("name", "question", "lesson")},
        "scale": results.scale,
        "experiment": results.experiment,
        "sweeps": list(results.sweeps),
        "seeds": results.seeds,
        "cells": len(results.cells),
        "cells_declared": results.declared,
        "items": results.items,
        "claims": [
            verdict.as_json() | {"in_the_paper": tables.paper_difference(results, verdict)}
            for verdict in results.verdicts
        ],
        "settings": _settings(results),
        "published": _published(results),
        "set": dict(results.set),
        "fixed": dict(results.fixed),
        "versions": dict(results.versions),
    }


def _settings(results: Results) -> list[dict[str, Any]]:
    """Every setting of the axes with mean and half widths (95 %) of every metric."""
    own = [*benchmark_metrics(results), *text_metrics(results), *routing_metrics(results)]
    metrics = dict.fromkeys([*results.study["metrics"], *own])
    found, listed = settings(results), []
    for setting, halves in zip(found, halves_with_items(results, found, metrics), strict=True):
        scores = {metric: score(results, setting, metric) for metric in metrics}
        listed.append(
            {
                "axes": dict(setting.values),
                "scores": {
                    name: {
                        "mean": one.mean,
                        "half": _or_none(one.half),
                        "half_with_items": _or_none(halves.get(name, math.nan)),
                        "seeds": one.seeds,
                    }
                    for name, one in scores.items()
                    if one is not None
                },
            }
        )
    return listed


def _published(results: Results) -> dict[str, Any] | None:
    paper = published(results.study["paper"]) or after_tuning(results.study["name"])
    if paper is None:
        return None
    rows = [
        {"series": row.series, "axes": row.values, "scores": row.scores, "confidence": row.confidence}
        for row in paper.rows
    ]
    return {"source": paper.source, "about": paper.about, "rows": rows}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
