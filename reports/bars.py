"""Grouped bars, as in MM1's Figure 4: a panel per metric, ours above, the paper's below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import isnan
from typing import TYPE_CHECKING, Any

from reports.frame import Results
from reports.labels import heading, name, split
from reports.paper import Published, published
from reports.style import absent, footnotes, mark
from reports.summary import axis_title, score, settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Place = Callable[[Mapping[str, Any]], tuple[str, str]]  # values of the axes -> group and kind

_WIDTH = 0.8
_HATCHES = ("", "//", "..", "xx", "\\\\")
_WIDE = 30  # characters: more do not fit below a panel unless aslant


@dataclass(frozen=True)
class Bar:
    """Where a bar stands (`group`), what tells it from its neighbours (`kind`), and its height."""

    group: str
    kind: str
    height: float
    half: float = 0.0
    points: tuple[float, ...] = ()
    mark: str = ""


def draw_bars(results: Results) -> Figure:
    """Axes that are crossed give colours and groups, as `split` says; else each setting is a group."""
    import matplotlib.pyplot as plt

    paper = published(results.study["paper"])
    metrics = results.study["metrics"]
    kinds, groups = split(results)

    def place(values: Mapping[str, Any]) -> tuple[str, str]:
        return name(results, values, groups), name(results, values, kinds)

    rows = {"measured": [_ours(results, metric, place) for metric in metrics]}
    if paper:
        rows["published"] = [_theirs(paper, metric, place) for metric in metrics]
    size = (2.6 * len(metrics), 2.5 * len(rows) + 0.5)
    figure, grid = plt.subplots(len(rows), len(metrics), figsize=size, squeeze=False, layout="constrained")
    looks = _looks(bar.kind for row in rows.values() for bars in row for bar in bars)
    for panels, (source, row) in zip(grid, rows.items(), strict=True):
        for axes, bars in zip(panels, row, strict=True):
            if bars:
                _panel(axes, bars, looks)
            else:
                absent(axes, f"not {source}")
    for axes, metric in zip(grid[0], metrics, strict=True):
        axes.set_title(heading(metric))
    for axes in grid[-1]:
        axes.set_xlabel(axis_title(results, groups))
    grid[0][0].set_ylabel(f"measured here ({results.scale} scale)")
    if paper:
        grid[1][0].set_ylabel("published")
        footnotes(figure, paper)
    _legend(figure, looks, axis_title(results, kinds) or "published")
    return figure


def _ours(results: Results, metric: str, place: Place) -> list[Bar]:
    bars = []
    for setting in settings(results):
        one = score(results, setting, metric)
        if one is not None:
            points = tuple(setting.cells[metric].dropna())
            half = 0.0 if isnan(one.half) else one.half
            bars.append(Bar(*place(setting.values), one.mean, half, points))
    return bars


def _theirs(paper: Published, metric: str, place: Place) -> list[Bar]:
    """The published rows; if there are several series, these are the kinds or else named below each bar."""
    several = len({row.series for row in paper.rows}) > 1
    bars = []
    for row in paper.rows:
        if metric in row.scores:
            group, kind = place(row.values)
            if several:
                group, kind = (f"{group}\n{row.series}", kind) if kind else (group, row.series)
            bars.append(Bar(group, kind, row.scores[metric], mark=row.mark))
    return bars


def _looks(kinds: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour and hatch of each kind, ours first."""
    import seaborn

    distinct = dict.fromkeys(kinds)
    turns = zip(distinct, cycle(seaborn.color_palette("colorblind")), cycle(_HATCHES), strict=False)
    return {
        kind: {"facecolor": colour, "hatch": hatch, "edgecolor": "white"} for kind, colour, hatch in turns
    }


def _legend(figure: Figure, looks: Mapping[str, Mapping[str, Any]], title: str) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(label=kind, **look) for kind, look in looks.items() if kind]
    if handles:
        place = {"loc": "outside upper center", "ncols": len(handles)}
        figure.legend(handles=handles, title=title, frameon=False, **place)


def _panel(axes: Axes, bars: Sequence[Bar], looks: Mapping[str, Mapping[str, Any]]) -> None:
    groups = {bar.group: [other for other in bars if other.group == bar.group] for bar in bars}
    width = _WIDTH / max(map(len, groups.values()))
    for place, own in enumerate(groups.values()):
        own.sort(key=lambda bar: [*looks].index(bar.kind))
        for rank, bar in enumerate(own):
            _bar(axes, place + (rank - (len(own) - 1) / 2) * width, width, bar, looks[bar.kind])
    slanted = sum(map(len, groups)) > _WIDE
    axes.set_xticks(
        range(len(groups)), [*groups], rotation=35 if slanted else 0, ha="right" if slanted else "center"
    )
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(min(0.0, *(bar.height for bar in bars)), 1.08 * max(bar.height + bar.half for bar in bars))


def _bar(axes: Axes, x: float, width: float, bar: Bar, look: Mapping[str, Any]) -> None:
    """A bar with its interval; single seeds stand beside the interval, which would hide them."""
    axes.bar(x, bar.height, width * 0.92, **look)
    if bar.half:
        axes.errorbar(x, bar.height, yerr=bar.half, fmt="none", ecolor="0.2", capsize=2)
    seeds = {"s": 6, "facecolor": "white", "edgecolor": "0.2", "linewidths": 0.6, "zorder": 3}
    axes.scatter([x + width / 4] * len(bar.points), bar.points, **seeds)
    mark(axes, x, bar.height, bar.mark)
