"""How much each factor moves a metric, from the design and not from the importance of a search.

The effect of a factor is the paired range: its best level minus its worst, by means over everything, each seed and item
compared with itself. With more than two levels the two are picked by the data, so the range leans upwards; intervals do
not know that. An importance as searches use it answers another question (how much of a sampled space's variance a
parameter explains) and misleads on one-factor designs, so it stands beside full factorials only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ablations import difference, pairing, stats
from ablations.confounds import confounds
from ablations.difference import Difference
from ablations.pairing import canonical
from ablations.ranking import Factor, Ranking
from reports.frame import Results
from reports.orders import Judged, interval, judge


@dataclass(frozen=True)
class Effect:
    """A factor's paired range.

    Attributes:
        best, worst: the two levels as axis values.
        range: best minus worst in points, over seeds and items.
        per_seed: seed -> best minus worst.
        unpicked: best minus worst of each seed, by what is best and worst in the other seeds: free of the lean
            that picking by the same data gives.
        caveats: what else differs between the two levels.
        eta2, omega2: shares of variance on a full factorial of several factors; None elsewhere.
        importance: evaluator -> share, on the same.
    """

    factor: Factor
    best: Mapping[str, Any]
    worst: Mapping[str, Any]
    range: stats.Estimate
    per_seed: Mapping[int, float]
    unpicked: Difference
    caveats: Sequence[str]
    eta2: float | None = None
    omega2: float | None = None
    importance: Mapping[str, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        shares = {name: getattr(self, name) for name in ("eta2", "omega2", "importance")}
        about = {"factor": self.factor.name, "study": self.factor.study, "best": dict(self.best)}
        return {**about, "worst": dict(self.worst), **interval(self.range), **shares}


@dataclass(frozen=True)
class Ranked:
    """Effects, largest first, and the verdicts on the orders that were claimed."""

    ranking: Ranking
    effects: Sequence[Effect]
    orders: Sequence[Judged]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "question": self.ranking.question,
            "metric": self.ranking.metric,
            "effects": [effect.as_json() for effect in self.effects],
            "orders": [judged.as_json() for judged in self.orders],
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
    unpicked = {effect.factor.name: effect.unpicked for effect in effects}
    return Ranked(ranking, effects, judge(ranking.orders, unpicked))


def measure(results: Results, factor: Factor, metric: str) -> Effect | None:
    """The effect of one factor; None without two levels that share a seed."""
    cells = _compared(results.cells, factor, metric)
    values = cells[[*factor.fields]].to_dict("records")
    levels = {canonical(value): value for value in values}
    means = _level_means(cells.assign(level=[canonical(value) for value in values]), metric)
    if means.shape[1] < 2 or means.empty:
        return None
    scores = pairing.item_tables(metric, results.scores)

    def contrast(
        means: pd.DataFrame, cells: pd.DataFrame
    ) -> tuple[dict[str, Any], dict[str, Any], pd.DataFrame, Difference]:
        """The levels that are best and worst by some means, and their difference in some cells."""
        over = means.mean()
        best, worst = levels[over.idxmax()], levels[over.idxmin()]
        pairs = pairing.pair(cells, best, worst, [*results.levels])
        return best, worst, pairs, difference.measure(metric, cells, scores, pairs)

    best, worst, pairs, found = contrast(means, cells)
    if pairs.empty:
        return None
    apart = [
        contrast(means.drop(index=seed), cells[cells["seed"] == seed])[3]
        for seed in found.logged.index
        if len(means) > 1
    ]
    return Effect(
        factor,
        best,
        worst,
        found.estimate(),
        found.per_seed,
        difference.together(apart) if apart else found,
        confounds(cells, pairs, factor.fields),
        **_shares(results, cells, factor, metric),
    )


def _compared(cells: pd.DataFrame, factor: Factor, metric: str) -> pd.DataFrame:
    """The cells that have the metric, at the factor's own levels if it names them."""
    cells = cells.dropna(subset=[metric]) if metric in cells else cells.iloc[:0]
    if not factor.levels:
        return cells
    wanted = {canonical(level) for level in factor.levels}
    found = [canonical(value) in wanted for value in cells[[*factor.fields]].to_dict("records")]
    return cells[found]


def _level_means(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """(seeds, levels): means of the metric, of the seeds that have every level.

    A level that most seeds lack, such as one that was tried once, is left out rather than all the seeds.
    """
    table = cells.pivot_table(index="seed", columns="level", values=metric)
    counts = table.notna().sum()
    return table.loc[:, 2 * counts >= counts.max()].dropna()


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
    error = float((inside**2).sum()) / freedom if freedom else math.nan
    groups = [values[index] for index in texts.groupby(factor.fields[0]).indices.values()]
    between = float(sum(len(group) * (group.mean() - values.mean()) ** 2 for group in groups))
    omega2 = (between - (len(groups) - 1) * error) / (total + error)
    importance = _importance(texts, values, factor.fields[0])
    return {
        "eta2": between / total,
        "omega2": None if math.isnan(omega2) else float(omega2),
        "importance": importance,
    }


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
