"""Claims -> verdicts: measure each on its paired cells, test it, correct for all claims of the study."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ablations import difference, pairing, stats
from ablations.confounds import confounds
from ablations.study import Claim

if TYPE_CHECKING:
    import pandas as pd

_DISAGREEMENT = 0.05
"""Points by which items and logged metric may differ before it is said."""


@dataclass
class Verdict:
    """What the statistics say about a claim.

    Attributes:
        left, right: the two sides as axis values (`max` and `min` resolved).
        estimate, low, high: left minus right in points of the metric, and its two-sided 95 % interval.
        p, p_corrected: one-sided test (greater) or two one-sided tests (equivalent); by Holm over the study.
        p_opposite: Holm-corrected p value of the opposite statement.
        cohens_dz, hedges_g: paired effect size over seeds.
        per_seed: seed -> left minus right.
        more_seeds: further seeds that an inconclusive claim needs; None if there is no such number.
        advice: the same in words.
        caveats: what else differs between the sides, and what is missing.
    """

    claim: str
    text: str
    kind: str
    metric: str
    left: dict[str, Any]
    right: dict[str, Any]
    margin: float
    alpha: float
    n_seeds: int = 0
    n_items: int = 0
    estimate: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = 1.0
    p_corrected: float = 1.0
    p_opposite: float = 1.0
    cohens_dz: float = math.nan
    hedges_g: float = math.nan
    verdict: stats.Outcome = "inconclusive"
    more_seeds: int | None = None
    advice: str = ""
    per_seed: dict[int, float] = field(default_factory=dict)
    caveats: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain data; a value that does not exist is None."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def judge(
    claims: Iterable[Claim | Mapping[str, Any]],
    cells: pd.DataFrame,
    scores: pd.DataFrame,
    levels: Mapping[str, Sequence[Any]],
) -> list[Verdict]:
    """One verdict per claim, corrected together.

    Args:
        claims: every claim of the study, whether or not its cells are finished.
        cells: a row per finished cell: `cell_id`, `seed`, a column per axis, metrics, `fact.<name>`,
            `setting.<field>` of what differs.
        scores: a row per cell and item: `cell_id`, `benchmark`, `task`, `shots`, `item`, `score`
            (1 is 100 points).
        levels: axis -> its values in the sweep, from which `max` and `min` are chosen.
    """
    declared = [claim if isinstance(claim, Claim) else Claim(**claim) for claim in claims]
    measured = [_measure(claim, cells, scores, levels) for claim in declared]
    tests = [_test(claim, estimate) for claim, (_, estimate) in zip(declared, measured, strict=True)]
    corrected, opposite = (
        (stats.holm(p_values) for p_values in zip(*tests, strict=True)) if tests else ((), ())
    )
    ranks = [np.argsort(np.argsort(p_values, kind="stable")) for p_values in zip(*tests, strict=True)]
    for place, (verdict, estimate) in enumerate(measured):
        verdict.p, verdict.p_corrected, verdict.p_opposite = (
            tests[place][0],
            corrected[place],
            opposite[place],
        )
        levels_of_holm = [verdict.alpha / (len(measured) - int(rank[place])) for rank in ranks]
        _decide(verdict, estimate, *levels_of_holm)
    return [verdict for verdict, _ in measured]


def _measure(
    claim: Claim, cells: pd.DataFrame, scores: pd.DataFrame, levels: Mapping[str, Sequence[Any]]
) -> tuple[Verdict, stats.Estimate | None]:
    """The claim's difference with its uncertainty, or a caveat that says why there is none."""
    left, right = pairing.sides(claim, levels)
    about = (claim.name, claim.text, claim.kind, claim.metric, left, right, claim.margin, claim.alpha)
    verdict = Verdict(*about)
    if pairing.same(left, right):
        verdict.caveats.append("both sides are the same cells: the sweep has one value of the axis")
        return verdict, None
    pairs = pairing.pair(cells, left, right, [*levels])
    if pairs.empty:
        verdict.caveats.append("no seed has a finished cell on both sides")
        return verdict, None
    table = pairing.item_tables(claim.metric, scores)
    found = difference.measure(claim.metric, cells, table, pairs)
    if found.logged.empty:
        verdict.caveats.append(f"no finished cell has the metric '{claim.metric}'")
        return verdict, None
    verdict.caveats += pairing.missing(cells, pairs, left, right)
    verdict.caveats += confounds(cells, pairs, [*left, *right])
    estimate = found.estimate()
    if abs(estimate.mean - found.logged.mean()) > _DISAGREEMENT:
        verdict.caveats.append(
            f"items give {estimate.mean:.2f}, the logged metrics {found.logged.mean():.2f}"
        )
    verdict.per_seed = found.per_seed
    verdict.estimate, verdict.n_seeds, verdict.n_items = estimate.mean, estimate.seeds, estimate.items
    verdict.low, verdict.high = estimate.interval()
    verdict.cohens_dz, verdict.hedges_g = stats.effect_size(found.logged.to_numpy())
    return verdict, estimate


def _test(claim: Claim, estimate: stats.Estimate | None) -> tuple[float, float]:
    """p values of the claim and of its opposite; 1 where nothing was measured, of one seed, or without spread."""
    if estimate is None or estimate.seeds < 2 or not estimate.has_spread:
        return 1.0, 1.0
    return {"greater": stats.greater, "equivalent": stats.equivalent}[claim.kind](estimate, claim.margin)


def _decide(verdict: Verdict, estimate: stats.Estimate | None, tail: float, opposite: float) -> None:
    """Set the verdict; an inconclusive one also says what it would take."""
    verdict.verdict = stats.outcome(verdict.p_corrected, verdict.p_opposite, verdict.alpha)
    if verdict.verdict != "inconclusive":
        return
    if estimate is None:
        verdict.advice = "nothing to compare yet"
    elif estimate.seeds < 2:
        verdict.advice = "one seed says nothing about the spread; run at least three"
    elif not estimate.has_spread:
        verdict.advice = "no spread between seeds or items, so nothing to test against"
    elif (needed := stats.seeds_needed(estimate, verdict.kind, verdict.margin, tail, opposite)) is None:
        verdict.advice = "not by seeds alone"
    else:
        verdict.more_seeds = max(1, needed - estimate.seeds)
        verdict.advice = f"needs about {verdict.more_seeds} more seed{'s' * (verdict.more_seeds > 1)}"
        if not stats.points_to(estimate, verdict.kind, verdict.margin):
            verdict.advice += " to be contradicted"
