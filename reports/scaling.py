"""Where a metric is lowest along a field, for every size of the language model, and the power law through it.

MM1, section 3.4, fits ln(best learning rate) = a ln(N) + b with N non-embedding parameters. Here the best value of a
size is the vertex of a parabola through the metric over the logarithm of the field, one for every seed; each seed gives
a line of its own, and intervals are over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ablations.pairing import canonical
from ablations.stats import Estimate, over_seeds
from reports.formats import LOG10, Number, Section, Table

if TYPE_CHECKING:
    from reports.frame import Results

PAPER_SLOPE, PAPER_INTERCEPT = -0.4214, -0.5535
"""MM1's law, ln(learning rate) = slope ln(N) + intercept; two independent public copies agree."""
SIZE = "fact.non_embedding_parameters"
BEST = "best/log10"
"""The metric that claims about the best value name: its logarithm to base 10."""


@dataclass(frozen=True)
class Law:
    """A power law with a line for every seed: (seeds,) slopes and intercepts of ln(best) over ln(N)."""

    slopes: np.ndarray
    intercepts: np.ndarray

    @property
    def slope(self) -> Estimate:
        """The slope over seeds."""
        return over_seeds(self.slopes)

    def at(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best value by the law, and its 95 % band over seeds, each of the shape of `sizes`."""
        lines = self.intercepts[:, None] + self.slopes[:, None] * np.log(sizes)[None, :]
        found = [over_seeds(column) for column in lines.T]
        mean = np.array([one.mean for one in found])
        reach = np.array([one.reach(0.025) for one in found])
        return np.exp(mean), np.exp(mean - reach), np.exp(mean + reach)


def best_values(cells: pd.DataFrame, optimum: Mapping[str, str], axes: Sequence[str]) -> pd.DataFrame:
    """A row per size and seed: `seed`, the other axes, SIZE, `best`, BEST and `inside` (a vertex within the grid)."""
    field, metric = optimum["field"], optimum["metric"]
    others = [axis for axis in axes if axis != field]
    rows = []
    known = cells.dropna(subset=[metric]) if metric in cells else cells.iloc[:0]
    keys = [canonical([row[axis] for axis in others]) for _, row in known.iterrows()]
    for (_, seed), own in known.groupby([pd.Series(keys, index=known.index, dtype=str), "seed"]):
        best, inside = _vertex(own[field].astype(float).to_numpy(), own[metric].to_numpy())
        about = {axis: own[axis].iloc[0] for axis in others} | {SIZE: float(own[SIZE].iloc[0])}
        row = {"seed": seed, **about, field: None, "best": best, BEST: math.log10(best), "inside": inside}
        rows.append({"cell_id": f"best of {canonical(about)} seed {seed}", **row})
    return pd.DataFrame(rows)


def with_best_values(
    cells: pd.DataFrame, optimum: Mapping[str, str] | None, axes: Sequence[str]
) -> pd.DataFrame:
    """The cells, and with an optimum a row for the best value of each size and seed, for claims to compare."""
    if optimum is None:
        return cells
    return pd.concat([cells, best_values(cells, optimum, axes)], ignore_index=True)


def power_law(best: pd.DataFrame) -> Law | None:
    """A line for every seed that has at least two sizes; None without any."""
    lines = [
        np.polyfit(np.log(own[SIZE]), np.log(own["best"]), 1)
        for _, own in best.groupby("seed")
        if own[SIZE].nunique() > 1
    ]
    return Law(*np.array(lines).T) if lines else None


def scaling_table(results: Results) -> Table:
    """Best value by size, the fitted slope, and the paper's law."""
    optimum = results.study["optimum"]
    best = best_values(results.cells, optimum, [*results.levels])
    rows: list[list[Any]] = []
    for size, own in best.groupby(SIZE) if len(best) else ():
        decades = over_seeds(own[BEST].to_numpy())
        law = math.exp(PAPER_INTERCEPT + PAPER_SLOPE * math.log(size))
        at_edge = len(own) - int(own["inside"].sum())
        row = [f"{size:,.0f}", f"{10**decades.mean:.2e}", Number(decades.mean, decades.reach(0.025), LOG10)]
        rows.append([*row, f"{law:.2e}", f"{at_edge} of {len(own)}"])
    law = power_law(best) if len(best) else None
    notes = [
        "Mean ± half width of the 95 % t interval over seeds; best by a parabola through each seed's losses."
        if len(best)
        else f"No finished cell has {optimum['metric']}, so there is no best value."
    ]
    if law is not None:
        low, high = law.slope.interval()
        spread = f"[{low:.3f}, {high:.3f}]" if law.slope.seeds > 1 else "(one seed, no interval)"
        notes.append(f"Slope of ln(best) over ln(N): {law.slope.mean:.3f} {spread}; MM1: {PAPER_SLOPE}.")
    notes.append("MM1's law was fitted from 9 M to 1.2 B parameters; here it is far outside of that range.")
    columns = ["non-embedding parameters", "best", "log10", "MM1's law", "at the edge of the grid"]
    return Table("Best value by size", columns, [Section("", rows)], notes)


def _vertex(values: np.ndarray, losses: np.ndarray) -> tuple[float, bool]:
    """The lowest point of a parabola over ln(value), if it is one and within the grid; else the best of the grid."""
    places = np.log(values)
    if len(set(places)) >= 3:
        middle = int(np.argmin(losses))
        order = np.argsort(places)
        rank = int(np.flatnonzero(order == middle)[0])
        if 0 < rank < len(places) - 1:
            near = order[max(0, rank - 2) : rank + 3]
            bend, tilt, _ = np.polyfit(places[near], losses[near], 2)
            if bend > 0 and places.min() <= -tilt / (2 * bend) <= places.max():
                return float(math.exp(-tilt / (2 * bend))), True
    return float(values[int(np.argmin(losses))]), False
