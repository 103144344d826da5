"""Effects by paired range, shares of variance against known numbers, and claimed orders."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ablations.difference import Difference
from ablations.ranking import Factor, Order, Ranking
from reports.frame import Results, read
from reports.orders import judge
from reports.ranking import measure, rank
from reports.ranking_view import effects_table, orders_table

METRIC = "score"
SIZE, KIND = Factor("size", "crossed", ("size",)), Factor("kind", "crossed", ("kind",))


@pytest.fixture
def crossed(store: str) -> Results:
    """2 sizes x 3 kinds x 3 seeds: size is worth 10 points, kinds 0, 1 and 2, seeds add noise of their own."""
    rows: list[dict[str, Any]] = []
    for seed, size, kind in product(range(3), (1, 2), ("a", "b", "c")):
        score = 10.0 * (size - 1) + "abc".index(kind) + 0.1 * seed * (size + "abc".index(kind))
        about = {"cell_id": f"{seed}{size}{kind}", "seed": seed, "size": size, "kind": kind}
        rows.append({**about, METRIC: score})
    found = read("demo", store)
    return replace(
        found,
        study={**found.study, "name": "crossed"},
        levels={"size": [1, 2], "kind": ["a", "b", "c"]},
        cells=pd.DataFrame(rows),
        scores=found.scores.iloc[:0],
    )


def test_the_range_is_paired_over_seeds_and_the_other_axes(crossed: Results) -> None:
    effect = measure(crossed, SIZE, METRIC)
    assert (effect.best, effect.worst) == ({"size": 2}, {"size": 1})
    assert effect.per_seed == pytest.approx({0: 10.0, 1: 10.1, 2: 10.2})
    assert effect.range.mean == pytest.approx(10.1)
    assert effect.range.interval()[1] - 10.1 == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)


def test_shares_of_variance_add_up_to_what_is_explained(crossed: Results) -> None:
    size, kind = measure(crossed, SIZE, METRIC), measure(crossed, KIND, METRIC)
    values = crossed.cells[METRIC].to_numpy()
    halves = crossed.cells.groupby("size")[METRIC].mean()
    between = 9 * ((halves - values.mean()) ** 2).sum()
    assert size.eta2 == pytest.approx(between / ((values - values.mean()) ** 2).sum())
    assert size.eta2 + kind.eta2 < 1 and size.omega2 < size.eta2 and kind.omega2 < kind.eta2
    assert size.importance["fANOVA"] > kind.importance["fANOVA"]


def test_no_shares_where_the_factors_are_not_crossed(crossed: Results) -> None:
    partial = replace(crossed, cells=crossed.cells[crossed.cells["cell_id"] != "02c"])
    effect = measure(partial, KIND, METRIC)
    assert effect.eta2 is None and effect.importance is None


def test_orders_are_judged_seed_by_seed(crossed: Results) -> None:
    orders = (
        Order("size-first", "size matters more", "size", "kind"),
        Order("kind-first", "kind matters more", "kind", "size"),
        Order("unknown", "something else matters more", "colour", "size"),
    )
    ranked = rank(Ranking("which?", "size", METRIC, (KIND, SIZE), orders), [crossed])
    assert [effect.factor.name for effect in ranked.effects] == ["size", "kind"]
    assert [one.verdict for one in ranked.orders] == ["reproduced", "contradicted", "inconclusive"]
    assert effects_table(ranked).sections[0].rows[0][2] == "2 against 1"
    assert "not measured" in orders_table(ranked).sections[0].rows[2][4]
    per_seed = np.array([10.0, 10.1, 10.2]) - np.array([2.0, 2.2, 2.4])
    assert ranked.orders[0].estimate.mean == pytest.approx(per_seed.mean())
    assert ranked.as_json()["orders"][1]["p_opposite"] < 0.05 < ranked.as_json()["orders"][1]["p_corrected"]


def test_orders_count_items_too() -> None:
    """Two ranges that are the same for every seed still differ by item, so the difference is uncertain."""
    columns = pd.MultiIndex.from_product([["b"], range(4)], names=["benchmark", "item"])
    seeds, noise = pd.Series([10.0, 11.0, 12.0]), np.array([[40.0, -40.0, 40.0, -40.0]])
    flat = pd.DataFrame(np.repeat(seeds.to_numpy()[:, None], 4, axis=1), columns=columns)
    ranges = {"size": Difference(seeds, flat), "kind": Difference(seeds - 9, flat - 9 + noise)}
    (judged,) = judge([Order("o", "size matters more", "size", "kind")], ranges)
    assert judged.estimate.mean == pytest.approx(9.0)
    assert judged.estimate.seed_variance == pytest.approx(0) and judged.estimate.item_variance > 100
    assert judged.verdict == "inconclusive"


def test_levels_of_an_order_are_not_picked_by_the_seed_they_are_tested_on(crossed: Results) -> None:
    """Without any effect the picked range is above zero in each seed; what other seeds pick is not."""
    rng = np.random.default_rng(0)
    ranges, unpicked = [], []
    levels = {"kind": ["a", "b", "c"]}
    small = crossed.cells[crossed.cells["size"] == 1]
    for _ in range(60):
        noise = replace(crossed, cells=small.assign(**{METRIC: rng.normal(0, 1, len(small))}), levels=levels)
        effect = measure(noise, KIND, METRIC)
        ranges.append(effect.range.mean)
        unpicked.append(effect.unpicked.logged.mean())
    assert np.mean(ranges) > 0.5
    assert abs(np.mean(unpicked)) < 0.3


def test_a_level_that_was_tried_once_does_not_replace_the_rest(crossed: Results) -> None:
    extra = crossed.cells[crossed.cells["cell_id"] == "02a"].assign(size=3, cell_id="03a", **{METRIC: 900.0})
    more = replace(crossed, cells=pd.concat([crossed.cells, extra]))
    assert measure(more, SIZE, METRIC).per_seed == pytest.approx({0: 10.0, 1: 10.1, 2: 10.2})


def test_a_factor_may_name_its_levels(crossed: Results) -> None:
    some = Factor("some kinds", "crossed", ("kind",), ({"kind": "a"}, {"kind": "b"}))
    effect = measure(crossed, some, METRIC)
    assert (effect.best, effect.worst) == ({"kind": "b"}, {"kind": "a"})


def test_what_else_differs_between_the_levels_stands_beside_an_order(crossed: Results) -> None:
    slow = crossed.cells.assign(**{"fact.steps": [100.0 * size for size in crossed.cells["size"]]})
    order = Order("size-first", "size matters more", "size", "kind")
    ranked = rank(Ranking("which?", "size", METRIC, (KIND, SIZE), (order,)), [replace(crossed, cells=slow)])
    assert "levels of size, steps differ: 200 on the left, 100 on the right" in orders_table(ranked).notes[1]


def test_one_seed_has_no_share_of_its_own(crossed: Results) -> None:
    one = replace(crossed, cells=crossed.cells[crossed.cells["seed"] == 0])
    assert measure(one, SIZE, METRIC).omega2 is None


def test_a_factor_of_several_fields_names_them(crossed: Results) -> None:
    both = Factor("both", "crossed", ("size", "kind"))
    ranked = rank(Ranking("which?", "size", METRIC, (SIZE, both), ()), [crossed])
    assert effects_table(ranked).sections[0].rows[0][2] == "size=2 kind=c against size=1 kind=a"


def test_one_factor_is_no_ranking(crossed: Results) -> None:
    assert rank(Ranking("which?", "size", METRIC, (SIZE,), ()), [crossed]) is None
