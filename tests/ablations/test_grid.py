from __future__ import annotations

from itertools import product
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ablations import grid
from ablations.cell import cell_id
from ablations.study import Axis
from ablations.sweep import Sweep
from ablations.yaml_lines import Lines

FIELDS = st.sampled_from([f"f{i}" for i in range(6)])
VALUES = st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True)
AXES = st.dictionaries(FIELDS, VALUES, min_size=1, max_size=3)
ZIPS = st.integers(1, 4).flatmap(
    lambda size: st.dictionaries(
        st.sampled_from(["z0", "z1", "z2"]),
        st.lists(st.integers(0, 50), min_size=size, max_size=size, unique=True),
        min_size=1,
    )
)
SEEDS = st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True)


class FlatSystem:
    """Takes any field."""

    schema_version = 1

    def resolve(self, overrides: dict[str, Any], scale: str) -> dict[str, Any]:
        return {"f0": 99, "z0": 99} | overrides

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        return config


STUDY = SimpleNamespace(name="flat", axes=(Axis("f0", "f0"),))


def make(**blocks: Any) -> Sweep:
    blocks = {"axes": {}, "seeds": (0,), **blocks}
    return Sweep(Lines("sweep.yaml", {}, {}), "mm1", "micro", **blocks)


def expand(**blocks: Any) -> list[Any]:
    return grid.cells(STUDY, FlatSystem(), make(**blocks))


@given(AXES, SEEDS)
def test_the_product_has_every_combination_once_in_the_order_of_the_file(axes: dict, seeds: list) -> None:
    found = [(*(cell.config[name] for name in axes), cell.seed) for cell in expand(axes=axes, seeds=seeds)]
    assert found == list(product(*axes.values(), seeds))


@given(AXES, ZIPS)
def test_zipped_lists_advance_together(axes: dict, group: dict) -> None:
    cells = expand(axes=axes, zip=[group])
    rows = list(zip(*group.values(), strict=True))
    assert len(cells) == prod(map(len, axes.values())) * len(rows)
    assert {tuple(cell.config[name] for name in group) for cell in cells} == set(rows)


@given(ZIPS, ZIPS)
def test_zip_groups_multiply(one: dict, other: dict) -> None:
    renamed = {name.replace("z", "y"): values for name, values in other.items()}
    size = len(next(iter(one.values()))) * len(next(iter(other.values())))
    assert len(expand(zip=[one, renamed])) == size


@given(AXES, st.dictionaries(FIELDS, st.integers(0, 50), min_size=1, max_size=3))
def test_include_adds_just_its_cells_at_the_end(axes: dict, extra: dict) -> None:
    plain, more = expand(axes=axes), expand(axes=axes, include=[extra])
    assert [cell.id for cell in more[: len(plain)]] == [cell.id for cell in plain]
    assert len(more) - len(plain) in (0, 1)
    wanted = {"f0": 99, "z0": 99, "seed": 0} | extra
    assert wanted in [dict(cell.config) for cell in more]


@given(AXES, st.data())
def test_exclude_drops_just_what_matches(axes: dict, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(list(axes)), min_size=1, unique=True))
    pattern = {name: data.draw(st.sampled_from(axes[name])) for name in names}
    plain = expand(axes=axes, include=[{"z9": 1}])
    kept = expand(axes=axes, include=[{"z9": 1}], exclude=[pattern])

    def matches(cell: Any) -> bool:
        return all(cell.config.get(name) == value for name, value in pattern.items())

    assert [cell.id for cell in kept] == [cell.id for cell in plain if not matches(cell)]


@given(
    st.dictionaries(FIELDS, st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=2),
    SEEDS,
)
def test_no_cell_comes_twice(axes: dict, seeds: list) -> None:
    cells = expand(axes=axes, seeds=[*seeds, *seeds])
    assert len({cell.id for cell in cells}) == len(cells)
    assert len(cells) == prod(len(set(values)) for values in axes.values()) * len(seeds)


@given(AXES, SEEDS)
def test_a_cell_is_its_resolved_configuration(axes: dict, seeds: list) -> None:
    for cell in expand(axes=axes, seeds=seeds, set={"z0": 7}):
        assert cell.id == cell_id(cell.config, 1)
        assert cell.config["z0"] == 7
        assert cell.config["seed"] == cell.seed
        assert cell.axes == {name: cell.config[name] for name in ["f0", *[n for n in axes if n != "f0"]]}


@given(AXES, ZIPS, SEEDS)
def test_around_a_baseline_one_factor_varies_at_a_time(axes: dict, group: dict, seeds: list) -> None:
    base = {**{name: 99 for name in (*axes, *group)}, "f0": 99, "z0": 99}
    cells = expand(axes=axes, zip=[group], seeds=seeds, set=base, design="baseline")
    assert [cell.config["seed"] for cell in cells[: len(seeds)]] == seeds
    assert all({**cell.config, "seed": 0} == {**base, "seed": 0} for cell in cells[: len(seeds)])
    changed = [{name for name, value in base.items() if cell.config[name] != value} for cell in cells]
    assert all(len(names - {*group}) + bool(names & {*group}) <= 1 for names in changed)
    points = 1 + sum(map(len, axes.values())) + len(next(iter(group.values())))
    assert len(cells) == points * len(seeds)


@given(AXES)
def test_the_baseline_s_own_values_are_no_cells_of_their_own(axes: dict) -> None:
    base = {name: values[0] for name, values in axes.items()}
    cells = expand(axes=axes, set=base, design="baseline")
    assert len(cells) == 1 + sum(len(values) - 1 for values in axes.values())


@given(
    st.lists(st.integers(0, 9), min_size=1, unique=True),
    st.lists(st.integers(0, 9), min_size=1, unique=True),
    st.data(),
)
def test_a_conditional_axis_varies_only_where_its_condition_holds(
    one: list, other: list, data: st.DataObject
) -> None:
    wanted = data.draw(st.lists(st.sampled_from(one), min_size=1, unique=True))
    condition = wanted[0] if len(wanted) == 1 else wanted
    cells = expand(axes={"f1": one, "f2": other}, set={"f3": 1}, when={"f2": {"f1": condition}})
    found = [(cell.config["f1"], cell.config.get("f2")) for cell in cells]
    expected = [(a, b) for a in one for b in (other if a in wanted else [None])]
    assert found == expected


def test_a_condition_looks_at_the_recipe_too(toy_cells: object) -> None:
    text = "design: baseline\naxes: {model.width: [16], model.depth: [3]}\nwhen: {model.depth: {model.type: plain}}\n"
    shown = [(cell.config["model"]["width"], cell.config["model"]["depth"]) for cell in toy_cells(text)]
    assert shown == [(8, 2), (16, 2), (8, 3)]


def test_a_section_that_varies_is_shown_as_it_was_written() -> None:
    class Nested(FlatSystem):
        def resolve(self, overrides: dict[str, Any], scale: str) -> dict[str, Any]:
            mix = overrides.get("mix", {"a": 1})
            return {"seed": 0, "mix": {name: float(weight) for name, weight in mix.items()}}

    study = SimpleNamespace(name="nested", axes=(Axis("mix", "mix"),))
    sweep = make(axes={"mix": [{"a": 2}, {"a": 1}]}, design="baseline")
    assert [repr(cell.axes["mix"]) for cell in grid.cells(study, Nested(), sweep)] == ["{'a': 1}", "{'a': 2}"]


def test_true_is_not_one(toy_cells: object) -> None:
    cells = toy_cells("axes: {training.steps: [1, 2]}\nexclude: [{training.clip: 1}]")
    assert len(cells) == 2


def test_exclude_sees_resolved_values_and_spares_what_could_not_be_resolved(toy_cells: object) -> None:
    text = "axes: {model.width: [8, 10]}\nexclude: [{model.width: 10}]\ninclude: [{model.depth: 5}]\n"
    assert [cell.config["model"]["depth"] for cell in toy_cells(text)] == [2, 5]


def test_included_cells_know_every_axis(toy_cells: object) -> None:
    cells = toy_cells("axes: {model.width: [16]}\ninclude: [{model.depth: 5}]\n")
    assert [dict(cell.axes) for cell in cells] == [
        {"model.width": 16, "model.depth": 2},
        {"model.width": 8, "model.depth": 5},
    ]


def test_the_shipped_sweep_resolves() -> None:
    from ablations import studies, sweep

    study = studies.get("encoder-resolution")
    system = study.system()
    file = Path(__file__).parents[2] / "sweeps" / "res.yaml"
    cells = grid.cells(study, system, sweep.read(file, study.name, system.scales()))
    assert len({cell.axes["encoder.resolution"] for cell in cells}) >= 4
    assert len({cell.seed for cell in cells}) >= 3
