"""A default that changes is refused with a diff; a sweep that changes is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import toy_study

from ablations import defaults, drift, suite, tracking
from ablations.errors import UserError
from ablations.part import Part
from ablations.studies import recipes
from ablations.tracking import CellRun, SweepRun

ALL = slice(None)
SWEEPS = Path(__file__).parents[2] / "sweeps"
Store = Callable[..., None]
Read = Callable[..., Part]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """`store(parts, kept)`: a store in which they were declared, and of each the `kept` cells are finished."""

    def fill(parts: Sequence[Part], kept: slice = ALL) -> None:
        runs = {
            cell.id: CellRun("r", cell.id, "", "FINISHED", {}, drift.texts(cell.config), {}, 0, 1, "")
            for part in parts
            for cell in part.cells[kept]
        }
        sweeps = [SweepRun("r", "", "", 0, declaration(part)) for part in parts]
        monkeypatch.setattr(tracking, "sweeps", lambda uri: sweeps)
        monkeypatch.setattr(tracking, "finished", lambda uri, ids: [runs[key] for key in ids if key in runs])

    return fill


def declaration(part: Part) -> dict[str, Any]:
    about = {"study": {"name": part.study.name}, "scale": part.sweep.scale, "set": dict(part.sweep.set)}
    return about | {"cells": [{"id": cell.id, "axes": dict(cell.axes)} for cell in part.cells]}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def part(text: str, study: str = "toy") -> Part:
        (tmp_path / "sweep.yaml").write_text(text)
        return suite.read(study, tmp_path / "sweep.yaml")[0][0]

    return part


def check(parts: list[Part]) -> None:
    ids = [cell.id for part in parts for cell in part.cells]
    defaults.check(parts, tracking.finished("", ids), "")


GRID = "axes: {model.width: [8, 16]}\nseeds: 0-1\n"


def test_a_changed_default_is_refused_with_the_diff_and_the_ways_out(
    store: Store, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([read(GRID)])
    monkeypatch.setitem(toy_study.DEFAULTS["training"], "rate", 0.2)
    with pytest.raises(UserError) as caught:
        check([read(GRID)])
    for text in (
        "other defaults: 4",
        "width=8 seed=0",
        "sweep.yaml",
        "training.rate: was 0.1, is 0.2 (4 of them)",
    ):
        assert text in str(caught.value)
    check([read(GRID + "set: {training.rate: 0.1}\n")])
    check([read(GRID + "set: {training.rate: 0.2}\n")])
    with pytest.raises(UserError, match="other defaults: 2;"):
        check([read("axes: {model.width: [16, 32]}\nseeds: 0-2\n")])
    monkeypatch.setattr(toy_study.ToySystem, "schema_version", 2)
    check([read(GRID)])


def test_a_new_field_is_a_default_that_changed(
    store: Store, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([read(GRID)])
    monkeypatch.setitem(toy_study.DEFAULTS["training"], "extra", "none of old")
    with pytest.raises(UserError, match=r"training\.extra: was -, is none of old"):
        check([read(GRID)])


@pytest.mark.parametrize(
    "edited",
    [
        GRID,
        GRID + "set: {training.steps: 4}",
        GRID + "set: {training.steps: 9, model.depth: 3}",
        GRID + "set: {training.steps: 9}\nscale: paper",
        "axes: {model.width: [8, 16], training.steps: [5, 6]}",
        "axes: {model.width: [8, 16], model.type: [gated, wide]}\nset: {training.steps: 9}",
        "axes: {model.width: [8, 16]}\nset: {training.steps: 9}\nseeds: 0-3",
    ],
)
def test_what_a_sweep_sets_or_varies_may_change(store: Store, read: Read, edited: str) -> None:
    deep = "axes: {model.depth: [2, 3]}\nset: {model.width: 16}"
    store([read(GRID + "set: {training.steps: 9}"), read(deep, "toy-deep")])
    check([read(edited), read("axes: {model.depth: [2, 4]}", "toy-deep")])


def shipped() -> list[Part]:
    return suite.read("all", SWEEPS / "mm1.yaml")[0]


@pytest.mark.parametrize("kept", [ALL, slice(0, None, 2), slice(1, None, 2), slice(4)], ids=str)
def test_the_shipped_suite_goes_on_wherever_it_was_left(store: Store, kept: slice) -> None:
    tries = [suite.read("encoder-resolution", SWEEPS / name)[0][0] for name in ("res.yaml", "try.yaml")]
    parts = shipped()
    store([*tries, *parts], kept)
    check([*parts, *tries])
    store([*tries, *parts[:6]], kept)
    check(parts)


@pytest.fixture
def warmup(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Any]]:
    """`warmup(60)`: another default of a field of the model."""
    from mm1.config import Experiment, Training

    field = Training.model_fields["warmup"]
    kept = field.default

    def change(value: int) -> None:
        field.default = value
        for model in (Training, Experiment):
            model.model_rebuild(force=True)

    yield change
    change(kept)


def test_a_changed_default_of_the_model_is_refused(store: Store, warmup: Callable[[int], Any]) -> None:
    parts = shipped()
    store(parts)
    check(shipped())
    warmup(60)
    count = len({cell.id for part in parts for cell in part.cells})
    with pytest.raises(
        UserError, match=rf"other defaults: {count};(.|\n)*training.warmup: was 50, is 60 \({count} of"
    ):
        check(shipped())


def test_a_changed_recipe_is_refused_where_no_sweep_names_the_field(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(shipped())
    monkeypatch.setitem(recipes.MICRO, "encoder.resolution", 48)
    parts = shipped()
    varied = [part for part in parts if "encoder.resolution" in part.cells[0].axes]
    assert varied and len(varied) < len(parts)
    check(varied)
    with pytest.raises(UserError, match=r"encoder\.resolution: was 32, is 48"):
        check(parts)
