"""Verdicts: which side is which, what is paired, what is decided, and what is said beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ablations.claims import Verdict, judge
from ablations.study import Claim

AXIS = "encoder.resolution"
METRIC = "eval/average/0shot"
ITEMS = 40


def claim(kind: str = "greater", margin: float = 0.0, name: str = "c", **sides: Any) -> Claim:
    sides = {"left": {AXIS: "max"}, "right": {AXIS: "min"}} | sides
    return Claim(name=name, text="text", metric=METRIC, kind=kind, margin=margin, **sides)


def study(
    effect: Mapping[Any, float] | Callable[[Any, int], float],
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    values: Sequence[Any] = (16, 48),
    noise: float = 0.01,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, list[Any]]]:
    """Cells and item scores; `effect` is the true score (0..1) at an axis value, or at (value, seed)."""
    rng = np.random.default_rng(7)
    hard = rng.normal(0, 0.1, ITEMS)
    cells, scores = [], []
    for value in values:
        for seed in seeds:
            cell = f"{value}-{seed}"
            true = effect(value, seed) if callable(effect) else effect[value]
            answered = true + hard + rng.normal(0, noise, ITEMS)
            cells.append({"cell_id": cell, "seed": seed, AXIS: value, METRIC: 100 * answered.mean()})
            scores += [
                {
                    "cell_id": cell,
                    "benchmark": "b",
                    "task": "vqa",
                    "shots": 0,
                    "item": f"i{i:02}",
                    "score": score,
                }
                for i, score in enumerate(answered)
            ]
    return pd.DataFrame(cells), pd.DataFrame(scores), {AXIS: list(values)}


def only(claims: list[Claim], *data: Any) -> Verdict:
    return judge(claims, *data)[0]


@pytest.mark.parametrize(
    ("kind", "margin", "gain", "verdict"),
    [
        ("greater", 0.0, 0.10, "reproduced"),
        ("greater", 0.0, -0.10, "contradicted"),
        ("greater", 5.0, 0.10, "reproduced"),
        ("greater", 20.0, 0.10, "contradicted"),
        ("greater", 10.0, 0.10, "inconclusive"),
        ("equivalent", 2.0, 0.0, "reproduced"),
        ("equivalent", 2.0, 0.10, "contradicted"),
        ("equivalent", 2.0, -0.10, "contradicted"),
        ("equivalent", 10.0, 0.10, "inconclusive"),
    ],
)
def test_verdict(kind: str, margin: float, gain: float, verdict: str) -> None:
    result = only([claim(kind, margin)], *study({16: 0.5, 48: 0.5 + gain}))
    assert result.verdict == verdict
    assert result.estimate == pytest.approx(100 * gain, abs=0.5)
    assert result.low < result.estimate < result.high
    assert (result.n_seeds, result.n_items) == (5, ITEMS)


def test_one_seed_never_decides() -> None:
    result = only([claim()], *study({16: 0.1, 48: 0.9}, seeds=[0]))
    assert result.verdict == "inconclusive"
    assert (result.n_seeds, result.p_corrected) == (1, 1.0)
    assert "one seed" in result.advice
    assert result.as_json()["low"] is None


def test_a_noisy_effect_asks_for_more_seeds() -> None:
    wobble = dict(enumerate([0.02, -0.01, 0.05]))
    result = only([claim()], *study(lambda value, seed: 0.5 + (value == 48) * wobble[seed], seeds=[0, 1, 2]))
    assert result.verdict == "inconclusive"
    assert result.more_seeds >= 1
    assert result.advice.startswith(f"needs about {result.more_seeds} more seed")


def test_seeds_are_asked_for_wherever_the_effect_points() -> None:
    wobble = dict(enumerate([-0.02, 0.01, -0.05]))
    result = only([claim()], *study(lambda value, seed: 0.5 + (value == 48) * wobble[seed], seeds=[0, 1, 2]))
    assert result.verdict == "inconclusive"
    assert result.more_seeds >= 1
    assert result.advice == f"needs about {result.more_seeds} more seeds to be contradicted"


def test_no_effect_is_not_mended_by_seeds() -> None:
    wobble = dict(enumerate([-0.05, 0.0, 0.05]))
    result = only([claim()], *study(lambda value, seed: 0.5 + (value == 48) * wobble[seed], seeds=[0, 1, 2]))
    assert (result.verdict, result.more_seeds, result.advice) == ("inconclusive", None, "not by seeds alone")


def test_pairing_takes_out_what_a_seed_gives_to_both_sides() -> None:
    """Seeds differ by 60 points, the sides by 2: only a paired comparison can tell."""
    result = only([claim()], *study(lambda value, seed: 0.15 * seed + 0.02 * (value == 48), noise=0.001))
    assert result.verdict == "reproduced"


def test_claims_are_corrected_together() -> None:
    data = study(lambda value, seed: 0.5 + (value == 48) * [0.02, 0.05, 0.07][seed], seeds=[0, 1, 2])
    alone, *family = judge([claim()], *data) + judge([claim(name=str(i)) for i in range(8)], *data)
    assert alone.verdict == "reproduced"
    assert {result.verdict for result in family} == {"inconclusive"}
    assert family[0].p_corrected == pytest.approx(8 * alone.p_corrected, rel=0.2)


def test_largest_and_smallest_are_of_the_sweep_not_of_what_is_finished() -> None:
    cells, scores, _ = study({16: 0.4, 48: 0.6})
    result = only([claim()], cells, scores, {AXIS: [16, 48, 64]})
    assert result.left == {AXIS: 64}
    assert result.verdict == "inconclusive"
    assert result.caveats == ["no seed has a finished cell on both sides"]


def test_a_seed_without_its_partner_does_not_count() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.6})
    result = only([claim()], cells[cells["cell_id"] != "48-3"], scores, levels)
    assert result.n_seeds == 4 and 3 not in result.per_seed
    assert result.caveats == ["seed 3: 1 cell on the right without every counterpart, so not counted"]


def test_other_axes_are_paired_too() -> None:
    """A second axis worth 50 points, unequally spread over the sides, does not leak into the claim."""
    cells, scores, levels = study({16: 0.4, 48: 0.6}, noise=0.0)
    more = cells.assign(cell_id=cells["cell_id"] + "x", **{METRIC: cells[METRIC] + 50})
    both = pd.concat([cells.assign(mix="a"), more.assign(mix="b")]).query("cell_id != '48-0x'")
    scores = pd.concat([scores, scores.assign(cell_id=scores["cell_id"] + "x", score=scores["score"] + 0.5)])
    result = only([claim()], both, scores, {**levels, "mix": ["a", "b"]})
    assert result.per_seed == pytest.approx(dict.fromkeys([1, 2, 3, 4], 20.0))
    every_seed_lacks_one = both.query("cell_id != '16-1x' and cell_id != '16-2x' and cell_id != '16-3x'")
    result = only(
        [claim()], every_seed_lacks_one.query("cell_id != '16-4x'"), scores, {**levels, "mix": ["a", "b"]}
    )
    assert result.per_seed == pytest.approx(dict.fromkeys(range(5), 20.0))


def test_an_unfinished_cell_does_not_change_what_its_seed_is_a_mean_of() -> None:
    """The gain is 0 with one mix and 20 with the other; two seeds lack a cell of the first."""
    cells, scores, levels = study({16: 0.4, 48: 0.4})
    more = cells.assign(cell_id=cells["cell_id"] + "x", **{METRIC: cells[METRIC] + 20 * (cells[AXIS] == 48)})
    both = pd.concat([cells.assign(mix="a"), more.assign(mix="b")])
    whole = only([claim()], both, scores.iloc[:0], {**levels, "mix": ["a", "b"]})
    partial = both.query("cell_id not in ['48-3', '48-4']")
    result = only([claim()], partial, scores.iloc[:0], {**levels, "mix": ["a", "b"]})
    assert sorted(result.per_seed) == [0, 1, 2]
    assert all(result.per_seed[seed] == pytest.approx(whole.per_seed[seed]) for seed in result.per_seed)
    assert any(caveat.startswith("seed 3, 4: 4 cells on the right") for caveat in result.caveats)


def test_without_any_spread_nothing_is_decided() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.4}, noise=0.0, seeds=(0, 1))
    result = only([claim("equivalent", margin=1.0)], cells, scores, levels)
    assert result.verdict == "inconclusive" and "no spread" in result.advice


def test_mappings_are_compared_by_content() -> None:
    even, skewed = {"captions": 50.0, "text": 50.0}, {"text": 10.0, "captions": 90.0}
    cells, scores, _ = study({"a": 0.4, "b": 0.6}, values=["a", "b"])
    cells[AXIS] = [{"a": even, "b": skewed}[value] for value in cells[AXIS]]
    sides = {"left": {AXIS: {"captions": 90.0, "text": 10.0}}, "right": {AXIS: even}}
    assert only([claim(**sides)], cells, scores, {AXIS: [even, skewed]}).verdict == "reproduced"


def test_what_else_differs_is_said() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.6})
    wide = cells[AXIS] == 48
    cells = cells.assign(**{"fact.patches": np.where(wide, 36, 4), "fact.resolution": cells[AXIS]})
    cells = cells.assign(**{"fact.image_tokens": 9, "fact.tokens_seen": np.where(wide, 1_000_001, 1_000_000)})
    result = only([claim()], cells, scores, levels)
    assert result.caveats == ["patches differ: 36 on the left, 4 on the right"]


def test_a_metric_without_items_uses_seeds_alone() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.6})
    cells["final/held_out_loss"] = np.where(cells[AXIS] == 48, 2.0, 3.0 + 0.01 * cells["seed"])
    loss = Claim("loss", "text", "final/held_out_loss", "greater", {AXIS: 16}, {AXIS: 48})
    result = only([loss], cells, scores, levels)
    assert (result.verdict, result.n_items) == ("reproduced", 0)
    assert result.estimate == pytest.approx(1.02)


def test_items_that_disagree_with_the_logged_metric_are_reported() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.6})
    cells.loc[cells[AXIS] == 48, METRIC] += 3
    assert any("the logged metrics" in caveat for caveat in only([claim()], cells, scores, levels).caveats)


def test_nothing_finished() -> None:
    cells, scores, levels = study({16: 0.4, 48: 0.6})
    result = only([claim()], cells.iloc[:0], scores.iloc[:0], levels)
    assert (result.verdict, result.advice) == ("inconclusive", "nothing to compare yet")


def test_a_verdict_is_plain_json() -> None:
    text = json.dumps(only([claim()], *study({16: 0.4, 48: 0.6})).as_json(), allow_nan=False)
    assert json.loads(text)["verdict"] == "reproduced"


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.2, 0.2), st.floats(-0.3, 0.3))
def test_swapped_sides_negate_and_a_shared_constant_changes_nothing(gain: float, constant: float) -> None:
    cells, scores, levels = study({16: 0.5, 48: 0.5 + gain})
    swapped = {"left": {AXIS: "min"}, "right": {AXIS: "max"}}
    here, there = only([claim()], cells, scores, levels), only([claim(**swapped)], cells, scores, levels)
    assert there.estimate == pytest.approx(-here.estimate)
    moved = cells.assign(**{METRIC: cells[METRIC] + 100 * constant})
    shifted = only([claim()], moved, scores.assign(score=scores["score"] + constant), levels)
    assert (shifted.estimate, shifted.low, shifted.high) == pytest.approx(
        (here.estimate, here.low, here.high), abs=1e-6
    )
