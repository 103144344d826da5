"""Beside a claim stands whatever else differs between its sides, and nothing that does not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.confounds import confounds, relative_compute

PAIRS = pd.DataFrame({"cell_id_left": ["a0", "a1"], "cell_id_right": ["b0", "b1"]})


def cells(**columns: list[Any]) -> pd.DataFrame:
    """Four cells: a0, a1 on the left, b0, b1 on the right."""
    named = {name.replace("__", "."): values for name, values in columns.items()}
    return pd.DataFrame({"cell_id": ["a0", "a1", "b0", "b1"], **named})


@pytest.mark.parametrize(
    "fact", ["steps", "tokens_seen", "images_seen", "trainable_parameters", "training_flops", "image_tokens"]
)
def test_facts_that_differ_are_said_with_their_means(fact: str) -> None:
    found = confounds(cells(**{f"fact__{fact}": [10.0, 30.0, 40.0, 60.0]}), PAIRS, ["mix"])
    assert found == [f"{fact.replace('_', ' ')} differ: 20 on the left, 50 on the right"]


def test_differences_that_cancel_over_seeds_are_said() -> None:
    assert len(confounds(cells(fact__steps=[1.0, 2.0, 2.0, 1.0]), PAIRS, [])) == 1


@given(st.lists(st.floats(1, 1e9), min_size=2, max_size=2), st.floats(-0.004, 0.004))
def test_facts_that_all_but_agree_are_not_said(values: list[float], share: float) -> None:
    assert confounds(cells(fact__n=[*values, *(v * (1 + share) for v in values)]), PAIRS, []) == []


def test_a_mixture_that_changes_beyond_the_axis_is_said_and_the_axis_is_not() -> None:
    table = cells(
        setting__data__mix__text=["10.0", "10.0", None, None],
        setting__data__mix__captions=["45.0", "45.0", "50.0", "60.0"],
        setting__encoder__resolution=["16", "16", "48", "48"],
        fact__resolution=[16, 16, 48, 48],
    )
    assert confounds(table, PAIRS, ["encoder.resolution"]) == [
        "data.mix.captions differs: 45.0 on the left, 50.0, 60.0 on the right",
        "data.mix.text differs: 10.0 on the left, - on the right",
    ]
    assert confounds(table, PAIRS, ["encoder.resolution", "data.mix"]) == []


def test_what_is_zipped_to_an_axis_is_said() -> None:
    table = cells(
        setting__language__depth=["2", "2", "4", "4"], setting__language__width=["48", "48", "96", "96"]
    )
    assert confounds(table, PAIRS, ["language.width"]) == [
        "language.depth differs: 2 on the left, 4 on the right"
    ]


def test_a_copy_of_the_axis_is_not_said_but_its_namesake_is() -> None:
    axis, values = "data.world.synthetic_share", [0.0, 0.0, 0.35, 0.35]
    table = cells(setting__data__synthetic_share=list(map(str, values)))
    table[axis] = values
    assert confounds(table, PAIRS, [axis]) == []
    table["setting.encoder.pretraining.synthetic_share"] = ["0.6", "0.6", "0.0", "0.0"]
    assert len(confounds(table, PAIRS, [axis])) == 1


def test_what_is_equal_within_each_pair_is_not_said() -> None:
    assert confounds(cells(setting__pretraining__seed=["0", "1", "0", "1"]), PAIRS, []) == []


def test_many_values_are_shortened() -> None:
    pairs = pd.DataFrame({"cell_id_left": list("abcde"), "cell_id_right": list("fghij")})
    table = pd.DataFrame({"cell_id": list("abcdefghij"), "setting.x": list("1234500000")})
    assert confounds(table, pairs, []) == ["x differs: 1, 2, 3 and 2 more on the left, 0 on the right"]


def test_compute_is_relative_to_the_cheapest() -> None:
    assert list(relative_compute(cells(fact__training_flops=[4e9, 2e9, 2e9, 6e9]))) == [2, 1, 1, 3]
    assert relative_compute(cells()).isna().all()
