"""Loss by step: a column for the training batches and one for held-out documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.frame import Results
from reports.labels import name, split
from reports.style import looks
from reports.summary import Setting, axis_title, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MANY_STEPS = 30  # curves with more points are smoothed
_MANY_SETTINGS = 8  # more do not go into one panel if they can be spread over several


def draw_losses(results: Results, curves: pd.DataFrame) -> Figure | None:
    """A line per setting, told by colour and dashes; many settings have a row of panels for each kind."""
    import matplotlib.pyplot as plt

    if curves.empty:
        return None
    losses = [*dict.fromkeys(curves["loss"])]
    found = settings(results)
    kinds, groups = split(results) if len(found) > _MANY_SETTINGS else ([], [*results.levels])
    rows: dict[str, list[Setting]] = {}
    for setting in found:
        rows.setdefault(name(results, setting.values, kinds), []).append(setting)
    labels = dict.fromkeys(name(results, setting.values, groups) for setting in found)
    series = dict(zip(labels, looks(len(labels)), strict=True))
    size = (3.8 * len(losses) + 1.2, 2.6 * len(rows) + 0.3)
    figure, grid = plt.subplots(
        len(rows), len(losses), figsize=size, sharex=True, sharey="col", squeeze=False, layout="constrained"
    )
    for panels, (kind, own) in zip(grid, rows.items(), strict=True):
        for loss, axes in zip(losses, panels, strict=True):
            for setting in own:
                label = name(results, setting.values, groups)
                _curve(axes, curves[curves["loss"] == loss], setting, label, series[label])
            title = f"{axis_title(results, kinds)}: {kind}" if kinds else ""
            axes.set(title=title, ylabel=f"{loss} loss")
    for axes in grid[-1]:
        axes.set_xlabel("step")
    handles = [
        plt.Line2D([], [], label=label, linewidth=1.5, color=look["color"], linestyle=look["linestyle"])
        for label, look in series.items()
    ]
    figure.legend(
        handles=handles, title=axis_title(results, groups), loc="outside right upper", frameon=False
    )
    return figure


def _curve(axes: Axes, curves: pd.DataFrame, setting: Setting, label: str, look: Mapping[str, Any]) -> None:
    """The mean over seeds, and single seeds thin behind it."""
    own = curves[curves["cell_id"].isin(set(setting.cells["cell_id"]))]
    seeds = own.pivot_table(index="step", columns="cell_id", values="value")
    smooth = seeds.rolling(5, center=True, min_periods=1).mean() if len(seeds) > _MANY_STEPS else seeds
    axes.plot(smooth.index, smooth, color=look["color"], alpha=0.25, linewidth=0.6)
    style = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 1.5}
    axes.plot(smooth.index, smooth.mean(axis=1), label=label, **style)
