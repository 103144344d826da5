"""How much each factor moves a metric, from the design and not from the importance of a search.

The effect of a factor is the paired range: its best level minus its worst, by means over everything, each seed and item
compared with itself. With more than two levels the two are picked by the data, so the range leans upwards; intervals do
not know that. An importance as searches use it answers another question (how much of a sampled space's variance a
parameter explains) and misleads on one-factor designs, so it stands beside full factorials only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ablations import stats
from ablations.pairing import canonical, item_differences, logged_difference, pair
from ablations.ranking import Factor, Order, Ranking
from reports.frame import Results


@dataclass(frozen=True)
class Effect:
    """A factor's paired range.

    Attributes:
        best, worst: the two levels as axis values.
        range: best minus worst in points, over seeds and items.
        per_seed: seed -> best minus worst.
        eta2, omega2: shares of variance on a full factorial of several factors; None elsewhere.
        importance: evaluator -> share, on the same.
    """

    factor: Factor
    best: Mapping[str, Any]
    worst: Mapping[str, Any]
    range: stats.Estimate
    per_seed: Mapping[int, float]
    eta2: float | None = None
    omega2: float | None = None
    importance: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Ranked:
    """Effects, largest first, and the orders that were claimed: their differences, corrected p values, verdicts."""

    ranking: Ranking
    effects: Sequence[Effect]
    orders: Sequence[tuple[Order, stats.Estimate | None, float, str]]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "question": self.ranking.question,
            "metric": self.ranking.metric,
            "effects": [_effect_json(effect) for effect in self.effects],
            "orders": [
                {**asdict(order), "p_corrected": p, "verdict": verdict, **_interval(estimate)}
                for order, estimate, p, verdict in self.orders
            ],
        }


def rank(ranking: Ranking, found: Sequence[Results]) -> Ranked | None:
    """The ranking over the studies that have results; None if fewer than two factors have any."""
    by_name = {results.study["name"]: results for results in found}
    effects = [
        effect
        for factor in ranking.factors
        if factor.study in by_name
        and (effect := measure(by_name[factor.study], factor, ranking.metric)) is not None
    ]
    if len(effects) < 2:
        return None
    effects.sort(key=lambda effect: -effect.range.mean)
    return Ranked(
        ranking, effects, _judge(ranking.orders, {effect.factor.name: effect for effect in effects})
    )


def measure(results: Results, factor: Factor, metric: str) -> Effect | None:
    """The effect of one factor; None without two levels that share a seed."""
    cells = results.cells.dropna(subset=[metric]) if metric in results.cells else results.cells.iloc[:0]
    values = cells[[*factor.fields]].to_dict("records")
    levels = {canonical(value): value for value in values}
    keyed = cells.assign(level=[canonical(value) for value in values])
    table = keyed.pivot_table(index="seed", columns="level", values=metric).dropna()
    if table.shape[1] < 2 or table.empty:
        return None
    means = table.mean()
    best, worst = levels[means.idxmax()], levels[means.idxmin()]
    pairs = pair(cells, best, worst, [*results.levels])
    if pairs.empty:
        return None
    logged = logged_difference(metric, cells, pairs)
    items = item_differences(metric, results.scores, pairs)
    estimate = stats.over_seeds_and_items(items) if items else stats.over_seeds(logged.to_numpy())
    per_seed = {int(seed): float(value) for seed, value in logged.items()}
    return Effect(factor, best, worst, estimate, per_seed, **_shares(results, cells, factor, metric))


def _shares(results: Results, cells: pd.DataFrame, factor: Factor, metric: str) -> dict[str, Any]:
    """eta2, omega2 and importances, if the study is a full factorial of several axes with equal seeds."""
    fields = [*results.levels]
    texts = cells[fields].map(canonical)
    full = [*product(*(texts[field].unique() for field in fields))]
    counts = texts.value_counts()
    if len(fields) < 2 or len(factor.fields) > 1 or len(counts) != len(full) or counts.nunique() != 1:
        return {}
    values = cells[metric].to_numpy()
    total = float(((values - values.mean()) ** 2).sum())
    if total == 0:
        return {}
    inside = values - values.copy()
    for index in texts.groupby(fields).indices.values():
        inside[index] = values[index] - values[index].mean()
    freedom = len(values) - len(full)
    error = float((inside**2).sum()) / freedom if freedom else np.nan
    groups = [values[index] for index in texts.groupby(factor.fields[0]).indices.values()]
    between = float(sum(len(group) * (group.mean() - values.mean()) ** 2 for group in groups))
    omega2 = (between - (len(groups) - 1) * error) / (total + error)
    importance = _importance(texts, values, factor.fields[0])
    return {"eta2": between / total, "omega2": float(omega2), "importance": importance}


def _importance(texts: pd.DataFrame, values: np.ndarray, field: str) -> dict[str, float]:
    """What Optuna's evaluators say of one field of a full factorial."""
    import optuna
    from optuna.distributions import CategoricalDistribution
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    choices = {name: CategoricalDistribution(tuple(sorted(texts[name].unique()))) for name in texts}
    study = optuna.create_study(direction="maximize")
    for row, value in zip(texts.to_dict("records"), values, strict=True):
        study.add_trial(optuna.trial.create_trial(params=row, distributions=choices, value=float(value)))
    evaluators = {"PED-ANOVA": PedAnovaImportanceEvaluator(), "fANOVA": FanovaImportanceEvaluator(seed=0)}
    return {
        name: float(optuna.importance.get_param_importances(study, evaluator=evaluator)[field])
        for name, evaluator in evaluators.items()
    }


def _judge(
    orders: Sequence[Order], effects: Mapping[str, Effect]
) -> list[tuple[Order, stats.Estimate | None, float, str]]:
    """Every order as a one-sided test of the difference of two ranges over the seeds that both have."""
    estimates = [_difference(order, effects) for order in orders]
    tests = [stats.greater(one, 0.0) if one and one.seeds > 1 else (1.0, 1.0) for one in estimates]
    above, below = (stats.holm(p) for p in zip(*tests, strict=True)) if tests else ((), ())
    found = []
    for order, estimate, p, opposite in zip(orders, estimates, above, below, strict=True):
        verdict = (
            "reproduced" if p < order.alpha else "contradicted" if opposite < order.alpha else "inconclusive"
        )
        found.append((order, estimate, opposite if verdict == "contradicted" else p, verdict))
    return found


def _difference(order: Order, effects: Mapping[str, Effect]) -> stats.Estimate | None:
    if order.larger not in effects or order.smaller not in effects:
        return None
    larger, smaller = effects[order.larger].per_seed, effects[order.smaller].per_seed
    seeds = sorted(set(larger) & set(smaller))
    return stats.over_seeds([larger[seed] - smaller[seed] for seed in seeds]) if seeds else None


def _effect_json(effect: Effect) -> dict[str, Any]:
    shares = {name: getattr(effect, name) for name in ("eta2", "omega2", "importance")}
    about = {"factor": effect.factor.name, "study": effect.factor.study, "best": dict(effect.best)}
    return {**about, "worst": dict(effect.worst), **_interval(effect.range), **shares}


def _interval(estimate: stats.Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return dict.fromkeys(("estimate", "low", "high", "seeds"))
    low, high = estimate.interval()
    ends = {name: None if end != end else end for name, end in (("low", low), ("high", high))}
    return {"estimate": estimate.mean, **ends, "seeds": estimate.seeds}
