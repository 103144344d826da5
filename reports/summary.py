"""Results -> a tidy summary: means and intervals of metrics at every setting of the axes, and their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pandas as pd

from ablations.pairing import by_benchmark, canonical, item_tables
from ablations.stats import over_seeds, over_seeds_and_items
from reports.frame import Results

ROUTING = {
    "multimodal/balance": "balance loss",
    "multimodal/router_z": "router z-loss",
    "multimodal/busiest": "busiest expert",
    "multimodal/entropy": "entropy",
}
"""How a mixture of experts routes: metric -> its column."""


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
    cells = results.cells.sort_values("seed")
    having: dict[str, list[int]] = {}
    for place, row in enumerate(cells[[*results.levels]].to_numpy().tolist()):
        having.setdefault(canonical(row), []).append(place)
    return [
        Setting(dict(zip(results.levels, combination, strict=True)), cells.iloc[having[text]])
        for combination in product(*results.levels.values())
        if (text := canonical(combination)) in having
    ]


def score(results: Results, setting: Setting, metric: str) -> Score | None:
    """A metric's mean and interval at a setting; None if none of its cells has it."""
    if metric not in setting.cells or setting.cells[metric].isna().all():
        return None
    values = setting.cells[metric].dropna()
    over = over_seeds(values.to_numpy())
    return Score(metric, over.mean, over.reach(0.025), over.seeds)


def halves_with_items(
    results: Results, found: Sequence[Setting], metrics: Iterable[str]
) -> list[dict[str, float]]:
    """For each setting, metric -> half width of its 95 % interval over seeds and items, if it has items."""
    halves: list[dict[str, float]] = [{} for _ in found]
    for metric in metrics:
        table = 100 * item_tables(metric, results.scores)
        for setting, own in zip(found, halves, strict=True):
            items = by_benchmark(table[table.index.isin(setting.cells["cell_id"])])
            if items:
                own[metric] = over_seeds_and_items(items).reach(0.025)
    return halves


def benchmark_metrics(results: Results, shots: int | None = None) -> list[str]:
    """Metrics of single benchmarks, at one number of shots if given, in alphabetical order."""
    names = [name for name in results.cells if re.fullmatch(r"eval/.+/\d+shot", name)]
    wanted = [name for name in names if not name.startswith("eval/average/")]
    return sorted(name for name in wanted if shots is None or name.endswith(f"/{shots}shot"))


def text_metrics(results: Results) -> list[str]:
    """Metrics of text-only benchmarks in alphabetical order, their average last."""
    names = sorted(name for name in results.cells if re.fullmatch(r"eval/text/[^/]+", name))
    return sorted(names, key=lambda name: name == "eval/text/average")


def routing_metrics(results: Results) -> list[str]:
    """Those of ROUTING that some cell has."""
    return [name for name in ROUTING if name in results.cells]


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
