"""Lines for mixes of data, in the arrangement of MM1's Figure 5: metrics stand on the x axis, each mix is a series."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reports.frame import Results
from reports.labels import heading, name
from reports.lines import line
from reports.paper import Published, published
from reports.style import absent, footnotes, looks, mark
from reports.summary import axis_title, score, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Look = Mapping[str, Any]

_ALONE = 0.45  # how wide the panel of a single metric is, where that of a line over shots is 1
_APART = (
    0.03  # between neighbouring series, as a share of the panel, so that intervals do not hide each other
)


def draw_mixes(results: Results) -> Figure:
    """A line for each mix over the numbers of shots, other metrics beside; ours above, the paper's below."""
    import matplotlib.pyplot as plt

    paper = published(results.study["paper"])
    panels = _panels(results.study["metrics"])
    widths = [1.0 if len(metrics) > 1 else _ALONE for metrics in panels.values()]
    rows = 2 if paper else 1
    size = (6.0 * sum(widths), 2.3 * rows + 0.5)
    figure, grid = plt.subplots(
        rows, len(panels), figsize=size, width_ratios=widths, squeeze=False, layout="constrained"
    )
    series = _series(results, paper)
    for place, (heads, metrics) in enumerate(panels.items()):
        _ours(grid[0][place], results, metrics, series)
        grid[0][place].set_title(heads)
        if paper:
            _theirs(grid[1][place], results, paper, metrics, series)
    grid[0][0].set_ylabel(f"measured here ({results.scale} scale)")
    if paper:
        grid[1][0].set_ylabel("published")
        footnotes(figure, paper)
    handles = [plt.Line2D([], [], markersize=4, label=label, **look) for label, look in series.items()]
    title = axis_title(results, [*results.levels])
    figure.legend(handles=handles, title=title, loc="outside right upper", frameon=False)
    return figure


def _series(results: Results, paper: Published | None) -> dict[str, Look]:
    """Mix -> how it is drawn, the same for ours and for the paper's."""
    mixes = [setting.values for setting in settings(results)]
    mixes += [row.values for row in paper.rows] if paper else []
    names = dict.fromkeys(name(results, values) for values in mixes)
    return dict(zip(names, looks(len(names)), strict=True))


def _panels(metrics: Sequence[str]) -> dict[str, dict[int, str]]:
    """Title -> metrics by place: a benchmark's by its numbers of shots, any other metric alone."""
    found: dict[str, dict[int, str]] = {}
    for metric in metrics:
        if match := re.fullmatch(r"eval/(.+)/(\d+)shot", metric):
            found.setdefault(f"{match[1]} by shots", {})[int(match[2])] = metric
        else:
            found[heading(metric)] = {0: metric}
    return dict(sorted(found.items(), key=lambda panel: len(panel[1])))


def _ours(axes: Axes, results: Results, metrics: Mapping[int, str], series: Mapping[str, Look]) -> None:
    for setting in settings(results):
        label = name(results, setting.values)
        found = [score(results, setting, metric) for metric in metrics.values()]
        line(axes, _places(metrics, series, label), found, series[label], label)
    _ticks(axes, metrics)


def _theirs(
    axes: Axes, results: Results, paper: Published, metrics: Mapping[int, str], series: Mapping[str, Look]
) -> None:
    if not any(metric in row.scores for row in paper.rows for metric in metrics.values()):
        absent(axes, "not published")
        return
    for row in paper.rows:
        label = name(results, row.values)
        known = [
            (place, row.scores[metric])
            for place, metric in zip(_places(metrics, series, label), metrics.values(), strict=True)
            if metric in row.scores
        ]
        axes.plot(*zip(*known, strict=True), markersize=4, linewidth=1.4, label=label, **series[label])
        for x, y in known:
            mark(axes, x, y, row.mark)
    _ticks(axes, metrics)


def _places(metrics: Mapping[int, str], series: Mapping[str, Look], label: str) -> list[float]:
    """Where a series stands: at the numbers of shots, a little aside from the other series."""
    aside = ([*series].index(label) - (len(series) - 1) / 2) * _APART
    if len(metrics) == 1:
        return [aside / _ALONE * 2]
    return [shots + aside * max(metrics) for shots in metrics]


def _ticks(axes: Axes, metrics: Mapping[int, str]) -> None:
    if len(metrics) == 1:
        axes.set(xticks=[], xlim=(-0.5, 0.5))
    else:
        axes.set_xticks([*metrics], [heading(metric) for metric in metrics.values()])
