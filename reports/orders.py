"""Claimed orders of two factors: tests of the difference of their ranges, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ablations import stats
from ablations.difference import Difference
from ablations.ranking import Order


@dataclass(frozen=True)
class Judged:
    """An order with the difference of the two ranges (None: one has not been measured) and its verdict.

    `p_corrected` is of the order, `p_opposite` of its opposite, both Holm-corrected over all orders.
    """

    order: Order
    estimate: stats.Estimate | None
    p_corrected: float
    p_opposite: float
    verdict: stats.Outcome

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        found = {"p_corrected": self.p_corrected, "p_opposite": self.p_opposite, "verdict": self.verdict}
        return {**asdict(self.order), **found, **interval(self.estimate)}


def judge(orders: Sequence[Order], ranges: Mapping[str, Difference]) -> list[Judged]:
    """Every order as one-sided tests of the difference of two ranges, over the seeds and items of both.

    `ranges` holds each factor's range by seed and item, of levels that were not picked by the same seed.
    """
    estimates = [_estimate(order, ranges) for order in orders]
    tests = [
        stats.greater(one, 0.0) if one and one.seeds > 1 and one.has_spread else (1.0, 1.0)
        for one in estimates
    ]
    above, below = (stats.holm(p) for p in zip(*tests, strict=True)) if tests else ((), ())
    return [
        Judged(order, estimate, p, opposite, stats.outcome(p, opposite, order.alpha))
        for order, estimate, p, opposite in zip(orders, estimates, above, below, strict=True)
    ]


def _estimate(order: Order, ranges: Mapping[str, Difference]) -> stats.Estimate | None:
    if order.larger not in ranges or order.smaller not in ranges:
        return None
    apart = ranges[order.larger] - ranges[order.smaller]
    return None if apart.logged.empty else apart.estimate()


def interval(estimate: stats.Estimate | None) -> dict[str, float | None]:
    """Estimate, ends of its 95 % interval and seeds as plain data."""
    if estimate is None:
        return dict.fromkeys(("estimate", "low", "high", "seeds"))
    low, high = estimate.interval()
    ends = {name: None if end != end else end for name, end in (("low", low), ("high", high))}
    return {"estimate": estimate.mean, **ends, "seeds": estimate.seeds}
