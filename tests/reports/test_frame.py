"""What of the store is shown: the newest sweep, and earlier cells that differ only in axes and seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ablations import tracking
from ablations.errors import UserError
from ablations.studies.encoder_resolution import STUDY
from reports.comparable import axis_value
from reports.frame import _with_own_axes, curves, read
from reports.summary import halves_with_items, score, settings

AXIS = "encoder.resolution"
Fresh = Callable[..., str]


def test_everything_of_a_finished_sweep(store: str) -> None:
    results = read("demo", store)
    assert len(results.cells) == results.declared == results.finished == 12
    assert results.levels == {AXIS: [16, 24, 32, 48]}
    assert (results.seeds, results.items, results.scale) == ([0, 1, 2], 125, "micro")
    assert results.experiment == "mm1/demo"
    assert results.left_out == 0


def test_held_fixed_is_what_no_axis_and_no_seed_touches(store: str) -> None:
    fixed = read("demo", store).fixed
    assert fixed["connector.tokens"] == "9" and fixed["data.world.seed"] == "0"
    assert not {AXIS, "seed", "encoder.pretraining.seed"} & set(fixed)


def test_means_are_over_seeds(store: str) -> None:
    results = read("demo", store)
    setting = settings(results)[0]
    one = score(results, setting, "eval/average/4shot")
    values = results.cells[results.cells[AXIS] == 16]["eval/average/4shot"]
    assert one.mean == pytest.approx(values.mean())
    assert one.half == pytest.approx(4.302653 * values.std() / 3**0.5, rel=1e-5)
    (halves,) = halves_with_items(results, [setting], ["eval/average/4shot", "final/loss"])
    assert [*halves] == ["eval/average/4shot"]
    assert halves["eval/average/4shot"] > 0
    assert score(results, setting, "eval/none/4shot") is None


def test_a_single_cell_is_a_setting(store: str) -> None:
    results = read("demo", store)
    (alone,) = settings(replace(results, cells=results.cells.iloc[:1]))
    assert [*alone.cells["cell_id"]] == [results.cells["cell_id"].iloc[0]]


def test_whole_numbers_in_a_column_of_fractions_are_the_same_settings(store: str) -> None:
    results = read("demo", store)
    mixed = results.cells.astype({AXIS: float}).assign(rate=[0.5, 1.0] * 6)
    found = settings(replace(results, cells=mixed, levels={**results.levels, "rate": [0.5, 1]}))
    assert sum(len(setting.cells) for setting in found) == 12


def test_curves(store: str) -> None:
    found = curves(read("demo", store), store)
    assert set(found.groupby("cell_id").size()) == {20}


def test_seeds_added_by_a_later_sweep_count(fresh: Fresh) -> None:
    uri = fresh({"name": "first", "seeds": [0, 1]}, {"name": "more", "seeds": [2]})
    results = read("demo", uri)
    assert results.seeds == [0, 1, 2]
    assert len(results.sweeps) == 2


def test_other_settings_are_left_out(fresh: Fresh) -> None:
    uri = fresh({"name": "short", "seeds": [0, 1], "steps": 5}, {"name": "long", "seeds": [1, 2]})
    results = read("demo", uri)
    assert results.seeds == [1, 2]
    assert results.fixed["training.steps"] == "800"
    assert results.left_out == 4


def test_what_follows_an_axis_is_not_held_fixed_by_a_sweep_of_few_values(fresh: Fresh) -> None:
    """Steps go with the resolution; seeds added later at one resolution must not drop the other."""
    uri = fresh({"name": "all", "seeds": [0, 1], "steps_at": {16: 400, 48: 800}})
    fresh({"name": "more", "seeds": [2], "steps_at": {48: 800}})
    results = read("demo", uri)
    assert len(results.cells) == 5 and results.left_out == 0
    assert "training.steps" not in results.fixed
    assert results.verdicts[0].n_seeds == 2


def test_what_followed_an_axis_otherwise_before_is_left_out(fresh: Fresh) -> None:
    uri = fresh({"name": "old", "seeds": [0, 1], "steps_at": {16: 100, 48: 200}})
    fresh({"name": "new", "seeds": [2], "steps_at": {16: 400, 48: 800}})
    results = read("demo", uri)
    assert results.seeds == [2] and results.left_out == 4


def test_results_of_another_epoch_are_left_out(fresh: Fresh) -> None:
    uri = fresh({"name": "old", "seeds": [0, 1]}, {"name": "new", "seeds": [2], "metrics": {"epoch/code": 2}})
    results = read("demo", uri)
    assert results.seeds == [2] and results.left_out == 4


def test_parameters_are_read_as_what_they_were(store: str) -> None:
    (run,) = tracking.cells(store, [read("demo", store).cells["cell_id"].iloc[0]])
    params = {"rate": "1e-05", "path": "None", "mix.captions": "45.0", "mix.text": "10.0", "note": "a: b: c"}
    run = replace(run, params=params)
    found = {field: axis_value(run, {}, field) for field in ("rate", "path", "mix", "note", "absent")}
    mix = {"captions": 45.0, "text": 10.0}
    assert found == {"rate": 1e-5, "path": None, "mix": mix, "note": "a: b: c", "absent": None}


def test_an_earlier_sweep_can_be_asked_for_by_its_cells(fresh: Fresh) -> None:
    uri = fresh({"name": "long", "seeds": [0, 1]}, {"name": "smoke", "seeds": [0], "steps": 5})
    assert read("demo", uri).fixed["training.steps"] == "5"
    cells = [cell["id"] for cell in tracking.sweeps(uri)[0].declaration["cells"]]
    results = read("demo", uri, cells)
    assert (results.fixed["training.steps"], results.seeds) == ("800", [0, 1])


def test_an_unfinished_sweep_says_what_is_missing(fresh: Fresh) -> None:
    results = read("demo", fresh({"name": "half", "seeds": [0, 1], "finished": 3}))
    assert (results.finished, results.declared) == (3, 4)
    assert results.verdicts[0].n_seeds == 1
    assert "seed 1: 1 cell on the right without every counterpart, so not counted" in results.caveats


def test_nothing_finished_is_a_user_error(fresh: Fresh) -> None:
    with pytest.raises(UserError, match="none of the 4 cells"):
        read("demo", fresh({"name": "none", "seeds": [0, 1], "finished": 0}))


def test_no_runs_is_a_user_error(store: str) -> None:
    with pytest.raises(UserError, match="no runs of study 'unheard-of'"):
        read("unheard-of", store)


def test_a_claim_that_changed_after_the_runs_says_so(fresh: Fresh) -> None:
    uri = fresh({"name": "first", "seeds": [0, 1, 2]})
    assert not any("declared" in caveat for caveat in read("demo", uri).caveats)
    first, *others = STUDY.claims
    changed = (replace(first, margin=5.0), *others, replace(first, name="afterthought"))
    for study in ({"claims": changed}, {"claims": changed, "figure": "bars"}):
        fresh({"name": "first", "seeds": [0, 1, 2], "finished": 0, "study": study})
    results = read("demo", uri)
    (name,) = results.sweeps
    assert results.study["figure"] == "bars"
    assert results.caveats[f"declared otherwise with the sweep '{name}': margin 0.0 (now 5.0)"] == [
        first.name
    ]
    assert results.caveats[f"declared only after the sweep '{name}' was"] == ["afterthought"]


def test_a_field_that_only_the_sweep_varies_is_an_axis_of_its_own(fresh: Fresh) -> None:
    results = read("demo", fresh({"name": "res", "seeds": [0, 1, 2], "steps": (400, 800)}))
    assert len(results.cells) == 12 and results.left_out == 0
    assert results.levels == {AXIS: [16, 48], "training.steps": [400, 800]}
    assert len(settings(results)) == 4


def test_no_value_is_a_value_too(fresh: Fresh) -> None:
    results = read("demo", fresh({"name": "res", "seeds": [0, 1], "steps": (None, 800)}))
    assert results.levels == {AXIS: [16, 48], "training.steps": [None, 800]}
    assert [setting.labels[1] for setting in settings(results)] == ["None", "800", "None", "800"]
    assert sum(len(setting.cells) for setting in settings(results)) == 8


def test_a_field_that_goes_with_an_axis_is_none() -> None:
    axes = [{"type": kind, "rate": rate} for kind, rate in (("a", 1.0), ("b", 0.5)) for _ in range(2)]
    sweep = {"study": {"axes": [{"field": "type"}]}, "cells": [{"axes": one} for one in axes]}
    assert _with_own_axes(sweep)["axes"] == [{"field": "type"}]
    sweep["cells"].append({"axes": {"type": "a", "rate": 0.5}})
    assert [axis["field"] for axis in _with_own_axes(sweep)["axes"]] == ["type", "rate"]
