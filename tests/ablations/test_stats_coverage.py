"""Simulation: a nominal 95 % interval covers the truth in 92 to 98 % of studies with few seeds."""

from __future__ import annotations

import numpy as np
import pytest

from ablations.stats import over_seeds_and_items

REPEATS = 1500
BENCHMARKS, ITEMS = 4, 30
SPREADS = {
    "seeds differ most": (0.05, 0.1, 0.1),
    "a bit of all": (0.02, 0.2, 0.4),
    "items differ most": (0.002, 0.5, 0.05),
    "noise alone": (0.0, 0.05, 0.6),
}


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("spreads", SPREADS.values(), ids=SPREADS.keys())
def test_coverage(seeds: int, spreads: tuple[float, float, float]) -> None:
    """Random effects: true difference 0, plus seed, plus item, plus noise of each seed on each item."""
    by_seed, by_item, noise = spreads
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(REPEATS):
        seed_effect = by_seed * rng.standard_normal((seeds, 1))
        tables = {
            str(name): seed_effect
            + by_item * rng.standard_normal(ITEMS)
            + noise * rng.standard_normal((seeds, ITEMS))
            for name in range(BENCHMARKS)
        }
        low, high = over_seeds_and_items(tables).interval(0.95)
        covered += low < 0 < high
    assert 0.92 <= covered / REPEATS <= 0.98
