"""Left minus right over paired cells: by seed as it was logged, and by item where a metric has items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ablations import pairing, stats


@dataclass(frozen=True)
class Difference:
    """A paired difference in points of its metric.

    Attributes:
        logged: seed -> left minus right of the metric as it was logged with the cells.
        items: (seeds, benchmarks x items), for a metric that is a mean of item scores; else empty.
    """

    logged: pd.Series
    items: pd.DataFrame

    @property
    def per_seed(self) -> dict[int, float]:
        """Seed -> left minus right."""
        return {int(seed): float(value) for seed, value in self.logged.items()}

    def estimate(self) -> stats.Estimate:
        """Its mean with uncertainty over seeds, and over items if there are any."""
        items = pairing.by_benchmark(self.items)
        return stats.over_seeds_and_items(items) if items else stats.over_seeds(self.logged.to_numpy())

    def __sub__(self, other: Difference) -> Difference:
        """How much larger this one is, over the seeds and items of both."""
        logged, items = (self.logged - other.logged).dropna(), self.items - other.items
        return Difference(logged, items.reindex(logged.index).dropna(axis="columns", how="all"))


def measure(metric: str, cells: pd.DataFrame, table: pd.DataFrame, pairs: pd.DataFrame) -> Difference:
    """The difference of paired cells.

    Args:
        cells: `cell_id` and the metrics.
        table: (cells, benchmarks x items) as `pairing.item_tables` gives it.
        pairs: `seed`, `cell_id_left`, `cell_id_right`.
    """
    if metric not in cells:
        return Difference(pd.Series(dtype=float), table.iloc[:0])
    values = cells.set_index("cell_id")[metric]
    sides = [pairs[f"cell_id_{side}"] for side in ("left", "right")]
    left, right = (values.loc[side].to_numpy() for side in sides)
    logged = pd.Series(left - right, index=pairs["seed"].to_numpy()).groupby(level=0).mean().dropna()
    if table.empty:
        return Difference(logged, table.iloc[:0])
    left, right = (table.reindex(side).to_numpy() for side in sides)
    items = pd.DataFrame(100 * (left - right), index=pairs["seed"].to_numpy(), columns=table.columns)
    return Difference(logged, items.groupby(level=0).mean())


def together(parts: Sequence[Difference]) -> Difference:
    """Differences of separate seeds as one; items that any of them lacks are left out."""
    items = pd.concat([part.items for part in parts])
    return Difference(pd.concat([part.logged for part in parts]), items.dropna(axis="columns"))
