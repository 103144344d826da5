"""Results -> a tidy summary: means and intervals of metrics at every setting of the axes, and their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from ablations.pairing import by_benchmark, item_tables, same
from ablations.stats import over_seeds, over_seeds_and_items
from reports.frame import Results


@dataclass(frozen=True)
class Setting:
    """One setting of the axes and the cells that have it, one per seed."""

    values: Mapping[str, Any]
    cells: pd.DataFrame

    @property
    def labels(self) -> list[str]:
        """The axis values as text."""
        return [label(value) for value in self.values.values()]


@dataclass(frozen=True)
class Score:
    """A metric at a setting: mean and half width of the 95 % t interval over seeds."""

    metric: str
    mean: float
    half: float
    seeds: int


def settings(results: Results) -> list[Setting]:
    """Every setting that has a finished cell, in the order of the levels."""
    found = []
    for combination in product(*results.levels.values()):
        values = dict(zip(results.levels, combination, strict=True))
        cells = results.cells
        for field, value in values.items():
            cells = cells[[same(entry, value) for entry in cells[field]]]
            if cells.empty:
                break
        if len(cells):
            found.append(Setting(values, cells.sort_values("seed")))
    return found


def score(results: Results, setting: Setting, metric: str) -> Score | None:
    """A metric's mean and interval at a setting; None if none of its cells has it."""
    if metric not in setting.cells or setting.cells[metric].isna().all():
        return None
    values = setting.cells[metric].dropna()
    over = over_seeds(values.to_numpy())
    return Score(metric, over.mean, over.reach(0.025), over.seeds)


def halves_with_items(results: Results, setting: Setting, metrics: Iterable[str]) -> dict[str, float]:
    """Metric -> half width of its 95 % interval over seeds and items, for metrics that have items."""
    scores = results.scores[results.scores["cell_id"].isin(set(setting.cells["cell_id"]))]
    tables = {metric: by_benchmark(100 * item_tables(metric, scores)) for metric in metrics}
    return {metric: over_seeds_and_items(table).reach(0.025) for metric, table in tables.items() if table}


def benchmark_metrics(results: Results, shots: int | None = None) -> list[str]:
    """Metrics of single benchmarks, at one number of shots if given, in alphabetical order."""
    names = [name for name in results.cells if re.fullmatch(r"eval/.+/\d+shot", name)]
    wanted = [name for name in names if not name.startswith("eval/average/")]
    return sorted(name for name in wanted if shots is None or name.endswith(f"/{shots}shot"))


def shots_of(metrics: Sequence[str]) -> list[int]:
    """The numbers of shots that occur in metric names."""
    return sorted({int(match[1]) for name in metrics if (match := re.search(r"/(\d+)shot$", name))})


def label(value: Any) -> str:
    """An axis value as people read it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {label(share)}" for name, share in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def parts(results: Results, field: str) -> list[str]:
    """What the mixes on an axis are made of, in the order of the levels; empty if its values are no mixes."""
    mixes = [value for value in results.levels[field] if isinstance(value, Mapping)]
    return list(dict.fromkeys(name for mix in mixes for name in mix))


def tick(results: Results, field: str, value: Any) -> str:
    """An axis value as short as a figure needs it: `66/33` for a mix, whose parts the axis names."""
    if isinstance(value, Mapping):
        return "/".join(label(value.get(name, 0)) for name in parts(results, field))
    return label(value)


def axis_title(results: Results, fields: Sequence[str]) -> str:
    """`resolution (px)`; `image tokens / resolution (px)`; `captions/interleaved` for a mix."""
    titles = []
    for axis in results.axes:
        if axis["field"] in fields:
            name = "/".join(parts(results, axis["field"])) or axis["label"]
            titles.append(f"{name} ({axis['unit']})" if axis["unit"] else name)
    return " / ".join(titles)


def title(metric: str) -> str:
    """`eval/average/4shot` -> `4-shot`; `eval/sign-reading/8shot` -> `sign-reading 8-shot`; text likewise."""
    if match := re.fullmatch(r"eval/(.+)/(\d+)shot", metric):
        return f"{match[2]}-shot" if match[1] == "average" else f"{match[1]} {match[2]}-shot"
    if match := re.fullmatch(r"eval/text/(.+)", metric):
        return "text" if match[1] == "average" else f"text: {match[1]}"
    return metric
