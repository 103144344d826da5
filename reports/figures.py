"""The figures of a study, as PNG and SVG: scores by setting, every benchmark, training loss.

Colours are the colour-blind palette of seaborn; shots also differ by marker, so that a grey print can be
read.
The same runs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from reports.bars import draw_bars
from reports.frame import Results
from reports.paper import Published, Row, published
from reports.scatter import draw_scaling
from reports.style import save, styled
from reports.summary import axis_title, benchmark_metrics, score, settings, shots_of, tick, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES = ("-", "--", ":", "-.")
_MANY_STEPS = 30  # curves with more points are smoothed
_MANY_SETTINGS = 8  # more have their legend beside the figure


def draw(results: Results, curves: pd.DataFrame, folder: Path) -> dict[str, tuple[Path, str]]:
    """Write every figure that the results allow: name -> (PNG, what it shows); the SVG lies beside it."""
    captions = {
        "scaling": "Left: the metric over the field; thick is the mean over seeds. Right: the best value by size.",
        "scores": "Score by setting: mean over seeds with its 95 % interval; faint: single seeds.",
        "benchmarks": "Every benchmark by setting, with 95 % intervals over seeds.",
        "loss": "Training loss, smoothed over five points. Thick: mean over seeds; thin: single seeds.",
    }
    written = {}
    with styled():
        figures = {
            "scaling": draw_scaling(results) if results.study.get("optimum") else None,
            "scores": draw_bars(results) if results.study.get("figure") == "bars" else _scores(results),
            "benchmarks": _benchmarks(results),
            "loss": _loss(results, curves),
        }
        for name, figure in figures.items():
            if figure is not None:
                written[name] = (save(figure, folder / name), captions[name])
    return written


def _scores(results: Results) -> Figure:
    """Ours on the left, the paper's rows on the right."""
    import matplotlib.pyplot as plt

    paper = published(results.study["paper"])
    panels = 2 if paper else 1
    figure, axes = plt.subplots(1, panels, figsize=(3.9 * panels, 3.3), squeeze=False, layout="constrained")
    _by_setting(axes[0][0], results, results.study["metrics"])
    axes[0][0].set(title=f"measured here ({results.scale} scale)", ylabel="score")
    handles = list(zip(*axes[0][0].get_legend_handles_labels(), strict=True))
    axes[0][0].legend(*zip(*reversed(handles), strict=True), frameon=False, loc="best")
    if paper:
        _by_row(axes[0][1], results, paper)
    return figure


def _by_setting(axes: Axes, results: Results, metrics: Sequence[str]) -> None:
    """One line per metric: mean and interval by setting, single seeds thin behind it."""
    import seaborn

    found = settings(results)
    places = _places(results)
    for metric, colour, marker in zip(metrics, seaborn.color_palette("colorblind"), _MARKERS, strict=False):
        seen = [(place, score(results, s, metric)) for place, s in zip(places, found, strict=True)]
        x = [place for place, one in seen if one is not None]
        means = [one.mean for _, one in seen if one is not None]
        halves = [one.half for _, one in seen if one is not None]
        if metric in results.cells:
            by_seed = pd.concat([setting.cells.set_index("seed")[metric] for setting in found], axis=1)
            axes.plot(places, by_seed.T.to_numpy(), color=colour, alpha=0.3, linewidth=0.7, zorder=1)
        line = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.4, "capsize": 2.5}
        axes.errorbar(x, means, yerr=halves, label=title(metric), elinewidth=1, **line)
    axes.set_xlabel(axis_title(results, [*results.levels]))
    names = [_name(results, setting.values) for setting in found]
    axes.set_xticks(places, names, rotation=_tilt(names))


def _by_row(axes: Axes, results: Results, paper: Published) -> None:
    """The published rows: a dash style per series, a colour and marker per metric as on the left."""
    import seaborn

    palette = seaborn.color_palette("colorblind")
    series = list({row.series: row.mark for row in paper.rows}.items())
    place = _paper_places(results, paper)
    for metric, colour, marker in zip(results.study["metrics"], palette, _MARKERS, strict=False):
        for (name, _), dashes in zip(series, _DASHES, strict=False):
            rows = [row for row in paper.rows if row.series == name and metric in row.scores]
            x, y = [place[_row_label(results, row)] for row in rows], [row.scores[metric] for row in rows]
            axes.plot(x, y, color=colour, marker=marker, markersize=4, linestyle=dashes, linewidth=1.2)
    marks = {row.series: max(r.mark for r in paper.rows if r.series == row.series) for row in paper.rows}
    for (name, _), dashes in zip(series, _DASHES, strict=False):
        axes.plot([], [], color="0.3", linestyle=dashes, linewidth=1.2, label=name + marks[name])
    axes.legend(frameon=False, loc="center", bbox_to_anchor=(0.5, 0.42))
    axes.set(title=f"published: {paper.source}", xlabel=axis_title(results, [*results.levels]))
    axes.set_xticks(list(place.values()), list(place), rotation=_tilt(place))


def _benchmarks(results: Results) -> Figure | None:
    """Small multiples: a panel per benchmark, a line per number of shots."""
    import matplotlib.pyplot as plt

    metrics = benchmark_metrics(results)
    names = sorted({metric.split("/")[1] for metric in metrics})
    if not names:
        return None
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    size = (2.1 * columns, 1.9 * rows + 0.4)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat[len(names) :]:
        axes.remove()
    for place, (name, axes) in enumerate(zip(names, grid.flat, strict=False)):
        own = [
            f"eval/{name}/{shots}shot" for shots in shots_of(metrics) if f"eval/{name}/{shots}shot" in metrics
        ]
        _by_setting(axes, results, own)
        axes.set(title=name, ylabel="score" if place % columns == 0 else "")
        if place < len(names) - columns:
            axes.set_xlabel("")
    handles, _ = grid.flat[0].get_legend_handles_labels()
    labels = [f"{shots}-shot" for shots in shots_of(metrics)]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _loss(results: Results, curves: pd.DataFrame) -> Figure | None:
    """Loss by step, a panel for training and one for held-out documents; a colour per setting."""
    import matplotlib.pyplot as plt
    import seaborn

    if curves.empty:
        return None
    names = list(dict.fromkeys(curves["loss"]))
    figure, panels = plt.subplots(
        1, len(names), figsize=(4.2 * len(names), 3.1), layout="constrained", squeeze=False
    )
    found = settings(results)
    for loss, axes in zip(names, panels[0], strict=True):
        for setting, colour in zip(found, seaborn.color_palette("viridis", len(found)), strict=True):
            own = curves[curves["cell_id"].isin(set(setting.cells["cell_id"])) & (curves["loss"] == loss)]
            seeds = own.pivot_table(index="step", columns="cell_id", values="value")
            smooth = (
                seeds.rolling(5, center=True, min_periods=1).mean() if len(seeds) > _MANY_STEPS else seeds
            )
            axes.plot(smooth.index, smooth, color=colour, alpha=0.25, linewidth=0.6)
            name = _name(results, setting.values)
            axes.plot(smooth.index, smooth.mean(axis=1), color=colour, linewidth=1.5, label=name)
        axes.set(xlabel="step", ylabel=f"{loss} loss")
    heading = axis_title(results, [*results.levels])
    if len(found) > _MANY_SETTINGS:
        handles, labels = panels[0][-1].get_legend_handles_labels()
        columns = -(-len(found) // (2 * _MANY_SETTINGS))
        place = {"loc": "outside right upper", "ncols": columns}
        figure.legend(handles, labels, title=heading, frameon=False, **place)
    else:
        panels[0][-1].legend(title=heading, frameon=False)
    return figure


def _places(results: Results) -> list[float]:
    """Where settings stand: at their value if the one axis is a number, else evenly."""
    found = settings(results)
    values: list[Any] = [next(iter(setting.values.values())) for setting in found]
    if len(results.axes) == 1 and all(isinstance(value, int | float) for value in values):
        return [float(value) for value in values]
    return [float(place) for place in range(len(found))]


def _row_label(results: Results, row: Row) -> str:
    return _name(results, {field: row.values[field] for field in results.levels if field in row.values})


def _paper_places(results: Results, paper: Published) -> dict[str, float]:
    """Label of a published setting -> where it stands: at its value if the one axis is a number, else evenly."""
    values = {_row_label(results, row): next(iter(row.values.values())) for row in paper.rows}
    if len(results.axes) == 1 and all(isinstance(value, int | float) for value in values.values()):
        return dict(sorted(values.items(), key=lambda item: item[1]))
    return {name: float(place) for place, name in enumerate(values)}


def _name(results: Results, values: Mapping[str, Any]) -> str:
    return " / ".join(tick(results, field, value) for field, value in values.items())


def _tilt(labels: Iterable[str]) -> int:
    """Long labels stand aslant."""
    return 30 if max(map(len, labels), default=0) > 6 else 0
