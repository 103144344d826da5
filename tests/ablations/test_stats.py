"""Known answers for intervals, tests, Holm, effect sizes and power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from ablations.stats import (
    Estimate,
    effect_size,
    equivalent,
    greater,
    holm,
    over_seeds,
    over_seeds_and_items,
    seeds_needed,
)

FIVE = [2.1, 3.4, 1.9, 2.8, 3.0]
values = st.lists(st.floats(-50, 50), min_size=2, max_size=8)


def test_interval_over_seeds_is_the_t_interval() -> None:
    expected = reference.ttest_1samp(FIVE, 0).confidence_interval(0.95)
    assert over_seeds(FIVE).interval() == pytest.approx((expected.low, expected.high))


def test_p_value_over_seeds_is_the_one_sided_t_test() -> None:
    above = reference.ttest_1samp(FIVE, 2.0, alternative="greater").pvalue
    assert over_seeds(FIVE).p_above(2.0) == pytest.approx(above)
    assert over_seeds(FIVE).p_below(2.0) == pytest.approx(1 - above)
    assert over_seeds(FIVE).p_above(9.0) == pytest.approx(
        reference.ttest_1samp(FIVE, 9.0, alternative="greater").pvalue
    )


def test_one_seed_has_no_interval_and_no_test() -> None:
    single = over_seeds([4.0])
    assert all(math.isnan(end) for end in single.interval())
    assert single.p_above(0) == single.p_below(0) == 1.0


def test_interval_and_test_agree_at_the_edge() -> None:
    estimate = Estimate(3.0, 0.4, 0.9, seeds=4, items=60, item_freedom=56)
    low, _ = estimate.interval(0.95)
    assert estimate.p_above(low) == pytest.approx(0.025, rel=1e-6)


def test_without_spread_any_distance_is_certain_and_none_is_undecided() -> None:
    same = over_seeds([1.0, 1.0, 1.0])
    assert same.p_above(0.5) < 1e-9
    assert same.p_above(1.0) == 0.5
    assert same.p_above(1.5) == pytest.approx(1.0)


def test_variance_parts_are_those_of_a_bootstrap_that_draws() -> None:
    rng = np.random.default_rng(5)
    tables = {
        name: rng.normal(size=(4, size)) + rng.normal(size=size) for name, size in (("a", 40), ("b", 70))
    }
    by_seed = np.mean([table.mean(axis=1) for table in tables.values()], axis=0)
    seeds = rng.integers(4, size=(20_000, 4))
    resampled = np.mean(
        [
            rng.multinomial(table.shape[1], np.full(table.shape[1], 1 / table.shape[1]), 20_000)
            @ table.T
            / table.shape[1]
            for table in tables.values()
        ],
        axis=0,
    )
    together, alone = resampled.mean(axis=1).var(), resampled.var(axis=0).mean()
    estimate = over_seeds_and_items(tables)
    assert estimate.mean == pytest.approx(by_seed.mean())
    assert estimate.seed_variance == pytest.approx(by_seed[seeds].mean(axis=1).var() * 4 / 3, rel=0.04)
    assert estimate.item_variance == pytest.approx(together - (alone - together) / 3, rel=0.04)
    assert (estimate.seeds, estimate.items, estimate.item_freedom) == (4, 110, 108)


def test_benchmarks_weigh_the_same_whatever_their_size() -> None:
    tables = {"small": np.full((2, 3), 10.0), "large": np.full((2, 300), 20.0)}
    assert over_seeds_and_items(tables).mean == 15.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-20, 20))
def test_swapping_sides_negates_and_a_shared_constant_cancels(seed: int, constant: float) -> None:
    rng = np.random.default_rng(seed)
    left, right = rng.normal(size=(2, 3, 25))
    estimate = over_seeds_and_items({"a": left - right})
    swapped = over_seeds_and_items({"a": right - left})
    shifted = over_seeds_and_items({"a": (left + constant) - (right + constant)})
    assert swapped == estimate.mirrored()
    assert swapped.interval() == pytest.approx([-end for end in reversed(estimate.interval())])
    assert shifted.interval() == pytest.approx(estimate.interval(), abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(values, st.floats(-5, 5))
def test_p_values_of_opposites_sum_to_one(sample: list[float], bound: float) -> None:
    estimate = over_seeds(sample)
    assert estimate.p_above(bound) + estimate.p_below(bound) == pytest.approx(1.0, abs=1e-6)


def test_holm_by_hand() -> None:
    """Four p values: 4 x .005, 3 x .011, 2 x .02, 1 x .04, never falling."""
    assert holm([0.02, 0.005, 0.04, 0.011]) == pytest.approx([0.04, 0.02, 0.04, 0.033])
    assert holm([0.03, 0.02, 0.9]) == pytest.approx([0.06, 0.06, 0.9])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_rejects_what_the_step_down_rule_rejects(p_values: list[float]) -> None:
    alpha, rejected = 0.05, set()
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (len(p_values) - place) >= alpha:
            break
        rejected.add(int(index))
    assert {i for i, p in enumerate(holm(p_values)) if p < alpha} == rejected


def test_two_one_sided_tests() -> None:
    sample = [0.3, -0.2, 0.1, 0.4, -0.1]
    lower = reference.ttest_1samp(sample, -1.0, alternative="greater").pvalue
    upper = reference.ttest_1samp(sample, 1.0, alternative="less").pvalue
    assert equivalent(over_seeds(sample), 1.0)[0] == pytest.approx(max(lower, upper))


def test_no_difference_with_a_large_spread_is_not_equivalence() -> None:
    within, beyond = equivalent(over_seeds([5.0, -5.0, 0.5, -0.5]), 1.0)
    assert within > 0.1 and beyond == 1.0


def test_beyond_the_margin_matches_the_interval_outside_it() -> None:
    sample = over_seeds([3.0, 3.4, 3.2, 2.9])
    edge = sample.interval(0.95)[0]
    assert equivalent(sample, edge)[1] == pytest.approx(0.05, rel=1e-6)


def test_greater_gives_both_directions() -> None:
    claim, opposite = greater(over_seeds(FIVE), 0.0)
    assert claim < 0.001 and opposite == pytest.approx(1 - claim)


def test_effect_size_by_hand() -> None:
    dz, g = effect_size([1.0, 2.0, 3.0])
    assert dz == pytest.approx(2.0)
    assert g == pytest.approx(2.0 * (1 - 3 / 7))
    assert all(math.isnan(size) for size in effect_size([1.0]))
    assert [math.isnan(size) for size in effect_size([40.0, 41.0])] == [False, True]


def test_seeds_needed_has_about_the_promised_power() -> None:
    estimate = Estimate(1.0, 1.0 / 3, 0.0, seeds=3)
    seeds = seeds_needed(estimate, "greater", 0.0, 0.05, 0.01)
    rng = np.random.default_rng(0)
    samples = rng.normal(1.0, 1.0, size=(4000, seeds))
    power = np.mean(reference.ttest_1samp(samples, 0, axis=1, alternative="greater").pvalue < 0.05)
    assert 0.77 < power < 0.87


@pytest.mark.parametrize(
    ("estimate", "kind", "margin"),
    [
        (Estimate(0.0, 0.1, 0.0, 3), "greater", 0.0),
        (Estimate(1.0, 0.01, 1.0, 3, 100, 98), "greater", 0.0),
        (Estimate(2.0, 0.1, 0.0, 3), "equivalent", 2.0),
    ],
    ids=["no effect", "too few items", "on the margin"],
)
def test_more_seeds_do_not_always_help(estimate: Estimate, kind: str, margin: float) -> None:
    assert seeds_needed(estimate, kind, margin, 0.05, 0.05) is None


def test_the_opposite_needs_as_many_seeds_at_the_same_level() -> None:
    towards, away = (Estimate(mean, 0.3, 0.0, 3) for mean in (1.0, -1.0))
    assert seeds_needed(towards, "greater", 0.0, 0.05, 0.01) == seeds_needed(away, "greater", 0.0, 0.01, 0.05)
    beyond = Estimate(-3.0, 0.3, 0.0, 3)
    assert seeds_needed(beyond, "equivalent", 2.0, 0.01, 0.05) == seeds_needed(
        towards, "greater", 0.0, 0.025, 0.01
    )
