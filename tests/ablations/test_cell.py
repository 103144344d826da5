from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.cell import Cell, cell_id, flatten, short_names

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
CONFIGS = st.dictionaries(
    st.text(min_size=1),
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize(
    ("identity", "version", "expected"),
    [
        ({}, 1, "49d46dbf435a59c0"),
        ({"seed": 0, "encoder": {"resolution": 24}}, 1, "6f180428a51fe71c"),
        ({"seed": 0, "encoder": {"resolution": 24}}, 2, "e6563f5c16882f86"),
        (
            {"rate": 1e-3, "mix": {"captions": 0.45}, "shots": [0, 4, 8], "note": "é", "none": None},
            1,
            "9a5b1e85c92d1710",
        ),
    ],
)
def test_golden_ids(identity: dict, version: int, expected: str) -> None:
    """These ids name results on people's disks: a change here throws every one of them away."""
    assert cell_id(identity, version) == expected


@given(CONFIGS, st.randoms())
def test_key_order_does_not_matter(config: dict, random: object) -> None:
    items = list(config.items())
    random.shuffle(items)
    assert cell_id(dict(items), 1) == cell_id(config, 1)


@given(CONFIGS, LEAVES, st.data())
def test_any_changed_leaf_changes_the_id(config: dict, leaf: object, data: st.DataObject) -> None:
    changed = copy.deepcopy(config)
    at: object = changed
    while isinstance(at, dict | list) and at:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        inside, key = at, data.draw(st.sampled_from(keys))
        at = at[key]
    inside[key] = leaf
    same = json.dumps(changed, sort_keys=True) == json.dumps(config, sort_keys=True)
    assert (cell_id(changed, 1) == cell_id(config, 1)) == same


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_hold_have_no_id(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        cell_id({"rate": value}, 1)


def test_launch_settings_do_not_change_ids(toy_cells: object) -> None:
    grid = "axes: {model.width: [8, 16]}\n"
    plain = toy_cells(grid)
    launched = toy_cells(grid + "launch: {executor: slurm, workers: 7, partition: gpu}\nsuite: other\n")
    assert [cell.id for cell in plain] == [cell.id for cell in launched]


def test_writing_a_default_down_does_not_change_the_id(toy_cells: object) -> None:
    assert toy_cells("axes: {model.width: [8]}")[0].id == toy_cells("axes: {model.depth: [2]}")[0].id


def test_names_are_readable_and_distinct() -> None:
    axes = {
        "encoder.width": 64,
        "language.width": 96,
        "data.mix": {"captions": 0.45, "text": 0.1},
        "shots": [0, 4],
    }
    cell = Cell("0" * 16, "toy", "micro", 1, axes, {})
    assert cell.name == "encoder.width=64 language.width=96 mix=captions 0.45/text 0.1 shots=0,4 seed=1"
    assert short_names(["encoder.resolution"]) == {"encoder.resolution": "resolution"}


def test_flatten() -> None:
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
