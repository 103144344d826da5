"""The figures of a study, as PNG and SVG: scores by setting, every benchmark, losses, and best values by size.

Colours are the colour-blind palette of seaborn; series also differ by marker, dashes or hatches, so that a grey print
can be read. The same runs give the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from reports.bars import draw_bars
from reports.benchmarks import draw_benchmarks
from reports.frame import Results
from reports.labels import numbers, of_mixes
from reports.lines import draw_lines, draw_over_field
from reports.losses import draw_losses
from reports.mixes import draw_mixes
from reports.scatter import draw_scaling
from reports.style import save, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEANS = "Mean over seeds with its 95 % interval"


def draw(results: Results, curves: pd.DataFrame, folder: Path) -> dict[str, tuple[Path, str]]:
    """Write every figure that the results allow: name -> (PNG, what it shows); the SVG lies beside it."""
    written = {}
    with styled():
        scores, shown = _scores(results)
        figures = {
            "scaling": (
                draw_scaling(results) if results.study.get("optimum") else None,
                "Left: the metric over the field; thick is the mean over seeds. Right: the best value by size.",
            ),
            "scores": (scores, shown),
            "benchmarks": (draw_benchmarks(results), f"Every benchmark. {_MEANS}."),
            "loss": (
                draw_losses(results, curves),
                "Next-token loss by step, in training and on held-out documents. Thick: mean over seeds; thin: "
                "single seeds. Training curves of more than 30 points are smoothed over five.",
            ),
        }
        for name, (figure, caption) in figures.items():
            if figure is not None:
                written[name] = (save(figure, folder / name), caption)
    return written


def _scores(results: Results) -> tuple[Figure, str]:
    """The study's metrics in the paper's arrangement, and what is shown.

    Mixes are lines also where an older store has them declared as bars; settings without order are never joined.
    """
    optimum = results.study.get("optimum")
    if optimum:
        return draw_over_field(results, optimum["field"]), f"{_MEANS}; a panel per metric."
    if of_mixes(results):
        return draw_mixes(results), f"{_MEANS}; a line per mix."
    if results.study.get("figure") == "bars" or numbers(results) is None:
        return draw_bars(results), f"{_MEANS}; circles: single seeds."
    return draw_lines(results), f"{_MEANS}; thin: single seeds."
