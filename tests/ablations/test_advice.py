"""Which further seeds are proposed, what they cost, and that the printed command asks for just those cells."""

from __future__ import annotations

import io
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ablations import advice, advice_view, suite
from ablations.advice import State
from ablations.claims import Verdict
from ablations.errors import UserError

WIDE = "study: toy\nseeds: 0-2\naxes: {model.width: [8, 16, 24], model.type: [plain, gated]}\n"
DEEP = "study: toy-deep\nseeds: 0-2\naxes: {model.depth: [2, 3]}\n"
SUITE = "suite: both\nset: {training.steps: 9}\nsweeps: [wide.yaml, deep.yaml]\n"


def verdict(
    name: str, more: int | None, outcome: str = "inconclusive", seeds: int = 3, **sides: Any
) -> Verdict:
    sides = {"left": {"model.width": 24}, "right": {"model.width": 8}} | sides
    return Verdict(
        name,
        name,
        "greater",
        "score",
        margin=0,
        alpha=0.05,
        n_seeds=seeds,
        verdict=outcome,
        more_seeds=more,
        **sides,
    )


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {"wide": WIDE, "deep": DEEP, "suite": SUITE}.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def states(files: Path, *verdicts: list[Verdict]) -> list[State]:
    parts, _ = suite.read("all", files / "suite.yaml")
    return [State(part, found, [0, 1, 2]) for part, found in zip(parts, verdicts, strict=False)]


def choose(found: list[State], budget: float, **durations: float) -> list[advice.Step]:
    return advice.choose(found, budget, 1, Path("none"), durations)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("90min", 5400), ("1h30min", 5400), ("1.5 h", 5400), ("45s", 45), ("10m 5s", 605)],
)
def test_times(text: str, seconds: float) -> None:
    assert advice.seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 days", "-1h", "0h", "2h x"])
def test_bad_times(text: str) -> None:
    with pytest.raises(UserError, match="--budget"):
        advice.seconds_of(text)


def test_what_a_claim_needs() -> None:
    assert advice.seeds_needed(verdict("a", 4)) == 4
    assert advice.seeds_needed(verdict("a", None)) is None
    assert advice.seeds_needed(verdict("a", None, seeds=1)) == 2
    assert advice.seeds_needed(verdict("a", 4, "reproduced")) is None


def test_an_option_has_the_next_seeds_of_the_claims_sides(files: Path) -> None:
    (state,) = states(files, [verdict("far", 5), verdict("near", 2), verdict("done", 1, "contradicted")])
    few, many = advice.options(state)
    assert (few.claims, many.claims) == ({"near"}, {"near", "far"})
    assert {cell.seed for cell in few.part.cells} == {3, 4}
    assert {cell.seed for cell in many.part.cells} == {3, 4, 5, 6, 7}
    assert {cell.axes["model.width"] for cell in few.part.cells} == {8, 24}
    assert few.only == {"model.width": [24, 8]}


def test_only_axes_that_every_side_sets_are_narrowed(files: Path) -> None:
    other = verdict("types", 2, left={"model.type": "plain"}, right={"model.type": "gated"})
    (state,) = states(files, [verdict("near", 2), other])
    (option,) = advice.options(state)
    assert option.only == {}
    assert len(option.part.cells) == 6 * 2


def test_values_that_are_all_there_narrow_nothing(files: Path) -> None:
    sides = {"left": {"model.width": 24}, "right": {"model.width": 8}}
    verdicts = [verdict("one", 1, **sides), verdict("two", 1, left={"model.width": 16}, right=sides["right"])]
    (option,) = advice.options(states(files, verdicts)[0])
    assert option.only == {}


def test_a_hopeless_claim_is_no_option(files: Path) -> None:
    (state,) = states(files, [verdict("a", advice.MOST_SEEDS + 1), verdict("b", None)])
    assert advice.options(state) == []


def test_a_study_without_runs_is_proposed_as_its_sweep_stands(files: Path) -> None:
    (part, _), _ = suite.read("all", files / "suite.yaml")
    (option,) = advice.options(State(part))
    assert option.part is part
    assert option.claims == {"wider"}


def test_the_most_claims_per_hour_come_first_and_the_budget_holds(files: Path) -> None:
    found = states(
        files,
        [verdict("costly", 10)],
        [verdict("cheap", 1, left={"model.depth": 3}, right={"model.depth": 2})],
    )
    steps = choose(found, 1e6)
    assert [step.option.part.study.name for step in steps] == ["toy-deep", "toy"]
    assert sum(step.seconds for step in steps[:1]) == 10 + 20 + 2 * 8
    assert [step.settles for step in choose(found, 50)] == [["cheap"]]
    assert choose(found, 40) == []


def test_claims_of_the_same_name_in_two_studies_are_two_claims(files: Path) -> None:
    deep = verdict("same", 1, left={"model.depth": 3}, right={"model.depth": 2})
    steps = choose(states(files, [verdict("same", 1)], [deep]), 1e6)
    assert sorted((step.option.part.study.name, *step.settles) for step in steps) == [
        ("toy", "same"),
        ("toy-deep", "same"),
    ]


def test_shared_cells_and_stages_are_paid_for_once(files: Path) -> None:
    deep = verdict("deep", 1, left={"model.depth": 3}, right={"model.depth": 2})
    wide = verdict("wide", 1, left={"model.width": 16}, right={"model.width": 8})
    steps = choose(states(files, [wide], [deep]), 1e6)
    assert [step.option.part.study.name for step in steps] == ["toy-deep", "toy"]
    assert steps[1].seconds == 20 + 2 * 16 + 8  # root, base of plain, and width 8 of plain are there already
    assert [sum(task.seconds for task in step.stages) for step in steps] == [10 + 20, 20]


def test_how_long_finished_cells_took_scales_the_costs(files: Path) -> None:
    (state,) = states(files, [verdict("near", 1)])
    slow = {cell.id: 3 * cell.config["model"]["width"] for cell in state.part.cells}
    assert choose([state], 1e6, **slow)[0].seconds == 3 * choose([state], 1e6)[0].seconds


@settings(max_examples=25, deadline=None)
@given(needs=st.lists(st.integers(1, 6), min_size=1, max_size=4), budget=st.floats(10, 2000))
def test_steps_stay_within_the_budget_and_settle_each_claim_once(needs: list[int], budget: float) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wide.yaml"
        file.write_text(WIDE)
        (part,), _ = suite.read("toy", file)
    state = State(part, [verdict(f"c{i}", need) for i, need in enumerate(needs)], [0, 1, 2])
    steps = choose([state], budget)
    assert sum(step.seconds for step in steps) <= budget
    claims = [claim for step in steps for claim in step.settles]
    assert len(set(claims)) == len(claims)
    if steps:
        most = len(set(steps[0].option.part.sweep.seeds))
        assert set(claims) == {f"c{i}" for i, need in enumerate(needs) if need <= most}


def test_the_command_asks_for_just_those_cells(files: Path) -> None:
    (state,) = states(files, [verdict("near", 2)])
    (option,) = advice.options(state)
    words = shlex.split(advice.command(option, ["--runs", "elsewhere"]))
    assert words[:4] == ["ablate", "toy", "--grid", str(files / "wide.yaml")]
    assert words[-2:] == ["--runs", "elsewhere"]
    given = {name: [b for a, b in pairwise(words) if a == name] for name in words}
    (part,), _ = suite.read(
        "toy", files / "wide.yaml", seeds=given["--seeds"][0], set_=given["--set"], only=given["--only"]
    )
    assert [cell.id for cell in part.cells] == [cell.id for cell in option.part.cells]


def test_what_is_printed(files: Path) -> None:
    found = states(files, [verdict("near", 2), verdict("far", None)])
    found[0].verdicts[1].advice = "not by seeds alone"
    console = Console(file=io.StringIO(), width=80)
    advice_view.show(found, choose(found, 1e6), 1e6, 1, console, ["--runs", "elsewhere"])
    shown = console.file.getvalue()
    assert "1. toy: 3 min of work, 3 stages (50 s) and 8 cells, seeds 3-4" in shown
    assert "settles  near" in shown
    assert "--only 'model.width=[24, 8]' --runs elsewhere\n" in shown
    assert "cell     width=24 type=gated" in shown
    assert "toy: far (not by seeds alone)" in shown


def test_nothing_to_settle_is_said(files: Path) -> None:
    def shown(*verdicts: Verdict) -> str:
        console = Console(file=io.StringIO(), width=80)
        found = states(files, list(verdicts))
        advice_view.show(found, choose(found, 10), 10, 1, console)
        return console.file.getvalue()

    assert shown(verdict("done", None, "reproduced")) == "every claim is decided\n"
    assert shown(verdict("near", 2)).startswith("nothing can be settled in 10 s with 1 worker\n")
