"""Grouped bars, as in MM1's Figures 4 and 5: a panel per metric, ours above, the paper's below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.frame import Results
from reports.paper import Published, published
from reports.summary import axis_title, score, settings, tick, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH = 0.8
_HATCHES = ("", "//", "..", "xx", "\\\\")


@dataclass(frozen=True)
class Bar:
    """Where a bar stands (`group`), what tells it from its neighbours (`kind`), and its height."""

    group: str
    kind: str
    height: float
    half: float = 0.0
    points: tuple[float, ...] = ()


def draw_bars(results: Results) -> Figure:
    """With several axes the first one gives the colours and the others the groups; else each bar is a group."""
    import matplotlib.pyplot as plt

    paper = published(results.study["paper"])
    metrics = [m for m in results.study["metrics"] if m.startswith("eval/")]
    rows = 2 if paper else 1
    size = (2.6 * len(metrics), 2.5 * rows + 0.5)
    figure, grid = plt.subplots(rows, len(metrics), figsize=size, squeeze=False, layout="constrained")
    for axes, metric in zip(grid[0], metrics, strict=True):
        _panel(axes, _ours(results, metric))
        axes.set_title(title(metric))
    for axes in grid[-1]:
        axes.set_xlabel(_groups_title(results))
    grid[0][0].set_ylabel(f"measured here ({results.scale} scale)")
    if paper:
        for axes, metric in zip(grid[1], metrics, strict=True):
            _panel(axes, _theirs(results, paper, metric))
        grid[1][0].set_ylabel("published")
    handles, names = max(
        (row[0].get_legend_handles_labels() for row in grid), key=lambda found: len(found[1])
    )
    if len(names) > 1:
        figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


def _ours(results: Results, metric: str) -> list[Bar]:
    bars = []
    for setting in settings(results):
        one = score(results, setting, metric)
        if one is not None:
            points = tuple(setting.cells[metric].dropna())
            bars.append(Bar(*_place(results, setting.values), one.mean, one.half, points))
    return bars


def _theirs(results: Results, paper: Published, metric: str) -> list[Bar]:
    several = len({row.series for row in paper.rows}) > 1
    bars = []
    for row in paper.rows:
        if metric in row.scores:
            group, kind = _place(results, row.values)
            bars.append(Bar(f"{group}\n{row.series}" if several else group, kind, row.scores[metric]))
    return bars


def _place(results: Results, values: Mapping[str, Any]) -> tuple[str, str]:
    fields = [axis["field"] for axis in results.axes if axis["field"] in values]
    texts = [tick(results, field, values[field]) for field in fields]
    return (" / ".join(texts[1:]), texts[0]) if len(texts) > 1 else (texts[0], "")


def _groups_title(results: Results) -> str:
    fields = [axis["field"] for axis in results.axes]
    return axis_title(results, fields[1:] or fields)


def _panel(axes: Axes, bars: Sequence[Bar]) -> None:
    import seaborn

    groups, kinds = ([*dict.fromkeys(getattr(bar, name) for bar in bars)] for name in ("group", "kind"))
    palette = seaborn.color_palette("colorblind", max(1, len(kinds)))
    width = _WIDTH / max(1, len(kinds))
    for kind, colour, hatch in zip(kinds, palette, _HATCHES * len(kinds), strict=False):
        own = [bar for bar in bars if bar.kind == kind]
        x = [groups.index(bar.group) + (kinds.index(kind) + 0.5) * width - _WIDTH / 2 for bar in own]
        halves = [bar.half if bar.half == bar.half else 0.0 for bar in own]
        look = {"color": colour, "edgecolor": "white", "hatch": hatch, "label": kind or None}
        axes.bar(x, [bar.height for bar in own], width * 0.92, **look)
        if any(halves):
            axes.errorbar(x, [bar.height for bar in own], yerr=halves, fmt="none", ecolor="0.2", capsize=2)
        for place, bar in zip(x, own, strict=True):
            axes.scatter(
                [place] * len(bar.points), bar.points, s=6, color="0.2", alpha=0.5, linewidths=0, zorder=3
            )
    if not bars:
        axes.text(0.5, 0.5, "not published", ha="center", va="center", color="0.5", transform=axes.transAxes)
        axes.set_axis_off()
        return
    slanted = max(map(len, groups)) > 8
    axes.set_xticks(
        range(len(groups)), groups, rotation=35 if slanted else 0, ha="right" if slanted else "center"
    )
    top = max([bar.height + (bar.half if bar.half == bar.half else 0) for bar in bars])
    axes.set_ylim(min(0.0, min(bar.height for bar in bars)), 1.08 * top)
