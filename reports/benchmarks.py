"""Small multiples: a panel per benchmark, a marker per number of shots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.frame import Results
from reports.labels import name, numbers
from reports.lines import by_number
from reports.style import looks
from reports.summary import axis_title, benchmark_metrics, score, settings, shots_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 4
_ROW = 0.22  # inches for a setting


def draw_benchmarks(results: Results) -> Figure | None:
    """Lines over an axis that is a number; else a row per setting, for settings without order are not to be joined."""
    import matplotlib.pyplot as plt

    metrics = benchmark_metrics(results)
    names = sorted({metric.split("/")[1] for metric in metrics})
    if not names:
        return None
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    ordered = numbers(results) is not None
    height = 1.5 if ordered else max(1.2, _ROW * len(settings(results)))
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(2.1 * columns, (height + 0.5) * rows + 0.5),
        squeeze=False,
        sharey=not ordered,
        layout="constrained",
    )
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for benchmark, axes in zip(names, grid.flat, strict=False):
        own = [metric for metric in metrics if metric.split("/")[1] == benchmark]
        (by_number if ordered else _rows)(axes, results, sorted(own, key=lambda metric: shots_of([metric])))
        axes.set(title=benchmark, xlabel="", ylabel="")
    across, up = axis_title(results, [*results.levels]), "score"
    figure.supxlabel(across if ordered else up, fontsize=9)
    figure.supylabel(up if ordered else across, fontsize=9)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    labels = [label.rpartition(" ")[2] for label in labels]
    place = {"loc": "outside upper center", "ncols": len(labels)}
    figure.legend(handles, labels, title="examples in the prompt", frameon=False, **place)
    return figure


def _rows(axes: Axes, results: Results, metrics: Sequence[str]) -> None:
    """A row per setting from the top down: the means of the metrics with their intervals, one below the other."""
    found = settings(results)
    for rank, (metric, look) in enumerate(zip(metrics, looks(len(metrics)), strict=True)):
        aside = 0.25 * (rank - (len(metrics) - 1) / 2)
        seen = [(row + aside, one) for row, s in enumerate(found) if (one := score(results, s, metric))]
        style = {**look, "linestyle": "none", "markersize": 3, "elinewidth": 1, "capsize": 1.5}
        means, halves = [one.mean for _, one in seen], [one.half for _, one in seen]
        axes.errorbar(
            means, [y for y, _ in seen], xerr=halves, label=f"{shots_of([metric])[0]}-shot", **style
        )
    axes.set_yticks(range(len(found)), [name(results, setting.values) for setting in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.grid(axis="y", linewidth=0.4, color="0.9")
    axes.set_axisbelow(True)
