"""Best value against size, doubly logarithmic: seeds, the fitted law with its band, and the paper's law."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reports.labels import heading
from reports.scaling import PAPER_INTERCEPT, PAPER_SLOPE, SIZE, best_values, power_law
from reports.style import looks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from reports.frame import Results


def draw_scaling(results: Results) -> Figure | None:
    """The metric over the field for every size on the left, the best value over size on the right."""
    import matplotlib.pyplot as plt
    import seaborn

    optimum = results.study["optimum"]
    best = best_values(results.cells, optimum, [*results.levels])
    if best.empty:
        return None
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.8, 3.3), layout="constrained")
    sizes = sorted(best[SIZE].unique())
    for size, look in zip(sizes, looks(len(sizes)), strict=True):
        own = results.cells[results.cells[SIZE] == size]
        for _, seed in own.groupby("seed"):
            line = seed.sort_values(optimum["field"])
            values = line[optimum["field"]], line[optimum["metric"]]
            left.plot(*values, color=look["color"], alpha=0.3, linewidth=0.8)
        mean = own.groupby(optimum["field"])[optimum["metric"]].mean()
        left.plot(mean.index, mean, markersize=3.5, label=f"{size:,.0f}", **look)
    name = next(axis["label"] for axis in results.axes if axis["field"] == optimum["field"])
    left.set(xscale="log", xlabel=name, ylabel=heading(optimum["metric"]))
    left.legend(title="parameters", frameon=False)
    for inside, look in ((True, {"marker": "o"}), (False, {"marker": "x"})):
        own = best[best["inside"] == inside]
        label = "best of a seed" if inside else "best at the edge of the grid"
        if len(own):
            right.scatter(own[SIZE], own["best"], s=18, color="0.3", zorder=3, label=label, **look)
    span = np.geomspace(min(sizes) / 1.3, max(sizes) * 1.3, 50)
    law = power_law(best)
    if law is not None:
        middle, low, high = law.at(span)
        colour = seaborn.color_palette("colorblind")[0]
        right.plot(span, middle, color=colour, label=f"fit, slope {law.slope.mean:.2f}")
        right.fill_between(span, low, high, color=colour, alpha=0.2, linewidth=0)
    paper = np.exp(PAPER_INTERCEPT + PAPER_SLOPE * np.log(span))
    right.plot(span, paper, color="0.3", linestyle="--", label=f"MM1's law, slope {PAPER_SLOPE:.2f}")
    right.set(xscale="log", yscale="log", xlabel="non-embedding parameters", ylabel=f"best {name}")
    right.legend(frameon=False)
    tried = sorted(results.levels[optimum["field"]])
    for axis, values in ((left.xaxis, tried), (right.yaxis, tried), (right.xaxis, sizes)):
        axis.set_ticks(values, [f"{value:g}" for value in values])
        axis.set_ticks([], minor=True)
    return figure
