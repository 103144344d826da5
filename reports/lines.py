"""Lines over an axis that is a number: a line per metric, or a panel per metric and a line per size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.frame import Results
from reports.labels import heading, name, numbers
from reports.paper import Published, published
from reports.style import footnotes, looks, mark
from reports.summary import Score, Setting, axis_title, score, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_lines(results: Results) -> Figure:
    """Ours on the left, the paper's rows on the right; a line per metric over the one axis."""
    import matplotlib.pyplot as plt

    paper = published(results.study["paper"])
    panels = 2 if paper else 1
    figure, (row,) = plt.subplots(1, panels, figsize=(3.9 * panels, 3.6), squeeze=False, layout="constrained")
    by_number(row[0], results, results.study["metrics"])
    row[0].set(title=f"measured here ({results.scale} scale)", ylabel="score")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, title="metric", loc="outside upper center", ncols=len(labels), frameon=False
    )
    if paper:
        _by_row(row[1], results, paper)
        footnotes(figure, paper)
    return figure


def draw_over_field(results: Results, field: str) -> Figure:
    """A panel per metric over the logarithm of a field; a line for each setting of the other axes."""
    import matplotlib.pyplot as plt

    metrics = results.study["metrics"]
    others = [axis for axis in results.levels if axis != field]
    figure, (row,) = plt.subplots(
        1, len(metrics), figsize=(2.6 * len(metrics), 3.0), squeeze=False, layout="constrained"
    )
    lines: dict[str, list[Setting]] = {}
    for setting in settings(results):
        lines.setdefault(name(results, setting.values, others), []).append(setting)
    for axes, metric in zip(row, metrics, strict=True):
        for (label, own), look in zip(lines.items(), looks(len(lines)), strict=True):
            values = [setting.values[field] for setting in own]
            line(axes, values, [score(results, setting, metric) for setting in own], look, label)
        tried = results.levels[field]
        axes.set(title=heading(metric), xlabel=axis_title(results, [field]), xscale="log")
        axes.set_xticks(tried, [f"{value:g}" for value in tried], rotation=35, ha="right")
        axes.set_xticks([], minor=True)
    row[0].set_ylabel(f"measured here ({results.scale} scale)")
    if others:
        handles, labels = row[0].get_legend_handles_labels()
        place = {"loc": "outside upper center", "ncols": len(labels)}
        figure.legend(handles, labels, title=axis_title(results, others), frameon=False, **place)
    return figure


def line(
    axes: Axes, x: Sequence[float], found: Sequence[Score | None], look: Mapping[str, Any], label: str
) -> None:
    """Means with their intervals, joined; settings without a score are left out."""
    seen = [(place, one) for place, one in zip(x, found, strict=True) if one is not None]
    style = {"markersize": 4, "linewidth": 1.4, "elinewidth": 1, "capsize": 2.5, **look}
    means, halves = [one.mean for _, one in seen], [one.half for _, one in seen]
    axes.errorbar([place for place, _ in seen], means, yerr=halves, label=label, **style)


def by_number(axes: Axes, results: Results, metrics: Sequence[str]) -> None:
    """A line per metric over the one axis, which is a number; single seeds thin behind it."""
    found, places = settings(results), numbers(results)
    for metric, look in zip(metrics, looks(len(metrics)), strict=True):
        if metric in results.cells:
            by_seed = pd.concat([setting.cells.set_index("seed")[metric] for setting in found], axis=1)
            axes.plot(places, by_seed.T.to_numpy(), color=look["color"], alpha=0.3, linewidth=0.7, zorder=1)
        line(axes, places, [score(results, setting, metric) for setting in found], look, heading(metric))
    axes.set_xlabel(axis_title(results, [*results.levels]))
    axes.set_xticks(places, [name(results, setting.values) for setting in found])


def _by_row(axes: Axes, results: Results, paper: Published) -> None:
    """The published rows: dashes for each series, colour and marker for each metric as on the left."""
    (field,) = results.levels
    metrics = results.study["metrics"]
    series = dict.fromkeys(row.series for row in paper.rows)
    dashes = [look["linestyle"] for look in looks(len(series))]
    for metric, look in zip(metrics, looks(len(metrics)), strict=True):
        for one, dash in zip(series, dashes, strict=True):
            rows = [row for row in paper.rows if row.series == one and metric in row.scores]
            x, y = [row.values[field] for row in rows], [row.scores[metric] for row in rows]
            axes.plot(x, y, **{**look, "linestyle": dash}, markersize=4, linewidth=1.2)
            for row in rows:
                mark(axes, row.values[field], row.scores[metric], row.mark, aside=(-7, -2.5))
    for one, dash in zip(series, dashes, strict=True):
        axes.plot([], [], color="0.3", linestyle=dash, linewidth=1.2, label=one)
    axes.legend(title="published row", frameon=False, loc="best")
    axes.set(title=f"published: {paper.source}", xlabel=axis_title(results, [field]))
    values = sorted({row.values[field] for row in paper.rows})
    axes.set_xticks(values, [name(results, {field: value}) for value in values])
