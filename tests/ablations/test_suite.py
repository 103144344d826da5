"""Suites: what is read, what is refused, and what is done once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from ablations import plan as plans
from ablations import plan_view, suite
from ablations.errors import SweepError

WIDE = "study: toy\naxes: {model.width: [8, 16]}\n"
DEEP = "study: toy-deep\nseeds: [7]\naxes: {model.depth: [2, 3]}\n"
SUITE = "suite: both\nscale: micro\nseeds: 0-1\nset: {training.steps: 9}\nsweeps: [wide.yaml, deep.yaml]\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "wide.yaml").write_text(WIDE)
    (tmp_path / "deep.yaml").write_text(DEEP)
    (tmp_path / "suite.yaml").write_text(SUITE)
    return tmp_path


def test_a_suite_gives_what_its_sweeps_leave_open(files: Path) -> None:
    (wide, deep), launch = suite.read("all", files / "suite.yaml", launch={"workers": 2})
    assert launch == {"workers": 2}
    assert (wide.study.name, wide.sweep.suite, wide.sweep.seeds) == ("toy", "both", (0, 1))
    assert (deep.study.name, deep.sweep.suite, deep.sweep.seeds) == ("toy-deep", "both", (7,))
    assert {cell.config["training"]["steps"] for cell in (*wide.cells, *deep.cells)} == {9}


def test_a_sweep_and_the_command_line_win_over_the_suite(files: Path) -> None:
    (files / "wide.yaml").write_text("study: toy\naxes: {training.steps: [1, 2]}\n")
    (files / "deep.yaml").write_text(f"{DEEP}scale: paper\nset: {{training.steps: 4}}\n")
    (wide, deep), _ = suite.read("all", files / "suite.yaml")
    assert {cell.config["training"]["steps"] for cell in wide.cells} == {1, 2}
    assert {(cell.config["training"]["steps"], cell.scale) for cell in deep.cells} == {(4, "paper")}
    (wide, deep), _ = suite.read("all", files / "suite.yaml", seeds="5", scale="micro")
    assert {(cell.seed, cell.scale) for cell in (*wide.cells, *deep.cells)} == {(5, "micro")}


def test_a_sweep_by_itself_is_a_plan_of_one_part(files: Path) -> None:
    (part,), launch = suite.read("toy", files / "wide.yaml", launch={"workers": 3})
    assert (len(part.cells), launch) == (2, {"workers": 3})
    plan = plans.make([part], files, [])
    assert plan.spared() == plans.Spared(0, 0, 0)
    assert {task.sweeps for task in plan.tasks} == {(part.key,)}


def test_only_narrows_a_plan_to_some_values(files: Path) -> None:
    parts, _ = suite.read("all", files / "suite.yaml", only=["model.width=[8, 24]", "model.depth=2"])
    assert [(part.study.name, len(part.cells)) for part in parts] == [("toy", 2), ("toy-deep", 1)]
    (part,), _ = suite.read("all", files / "suite.yaml", only=["model.width=16"])
    assert part.study.name == "toy"
    wrong = {"model.width=5": "no cell has model.width = 5; there are 8, 16", "width": "field=value"}
    wrong |= {"model.widht=8": "no such field. Did you mean 'model.width'?"}
    for text, message in wrong.items():
        with pytest.raises(SweepError, match=message) as caught:
            suite.read("toy", files / "wide.yaml", only=[text])
        assert str(caught.value).startswith(f"--only {text}: ")


BAD: dict[str, tuple[str, str, int, list[str]]] = {
    "unknown key": ("suite.yaml", SUITE + "axes: {}\n", 6, ["'axes'", "sweeps"]),
    "no sweeps": ("suite.yaml", "suite: x\nsweeps:\n", 2, ["list of sweep files", "None"]),
    "no list": ("suite.yaml", "sweeps: wide.yaml\n", 1, ["list of sweep files"]),
    "twice": ("suite.yaml", "sweeps:\n  - wide.yaml\n  - wide.yaml\n", 3, ["wide.yaml", "twice"]),
    "no such file": ("suite.yaml", "sweeps:\n  - wide.yaml\n  - dip.yaml\n", 3, ["dip.yaml", "deep.yaml"]),
    "a sweep is no suite": ("suite.yaml", WIDE, 1, ["ablate toy --grid"]),
    "bad seeds": ("suite.yaml", "seeds: 1-\nsweeps: [wide.yaml]\n", 1, ["'1-'"]),
    "bad scale": ("suite.yaml", "sweeps: [wide.yaml]\nscale: papr\n", 2, ["papr", "'paper'"]),
    "bad launch": ("suite.yaml", SUITE + "launch:\n  workers: 0\n", 7, ["launch.workers"]),
    "bad set": ("suite.yaml", "sweeps: [wide.yaml]\nset:\n  training.rate: 11\n", 3, ["between 0 and 10"]),
    "unknown field": ("suite.yaml", "sweeps: [wide.yaml]\nset:\n  training.rte: 1\n", 3, ["'training.rate'"]),
    "parent of an axis": ("suite.yaml", "sweeps: [wide.yaml]\nset:\n  model: {}\n", 3, ["wide.yaml", "model.width"]),
    "no study": ("wide.yaml", "axes: {model.width: [8]}\n", 1, ["names its study"]),
    "unknown study": ("wide.yaml", "axes: {model.width: [8]}\nstudy: toi\n", 2, ["'toi'", "'toy'"]),
    "bad value": ("wide.yaml", "study: toy\naxes:\n  model.width: [7]\n", 3, ["model.width", "7"]),
    "a suite is no sweep": ("wide.yaml", "study: toy\nsweeps: []\n", 2, ["ablate all"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_suites(case: str, files: Path) -> None:
    file, text, line, parts = BAD[case]
    (files / file).write_text(text)
    with pytest.raises(SweepError) as caught:
        suite.read("all", files / "suite.yaml")
    assert str(caught.value).startswith(f"{files / file}:{line}: "), str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_shared_cell_belongs_to_the_first_study_and_is_shown_as_shared(files: Path) -> None:
    parts, _ = suite.read("all", files / "suite.yaml", seeds="0-1")
    plan = plans.make(parts, files, [])
    shared = [task for task in plan.tasks if task.kind == "cell" and len(task.sweeps) > 1]
    assert [task.name for task in shared] == ["width=8 seed=0", "width=8 seed=1"]
    assert {task.sweeps for task in shared} == {(parts[0].key, parts[1].key)}
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    plan_view.show(plan, 1, console)
    text = console.export_text()
    assert text.count("2 studies") == 2
    assert "6 cells: 0 reused, 6 to run; 2 stages to run first" in text
    assert "sharing spares 2 cells, 2 stages, 46 s of work" in text
    assert max(map(len, text.splitlines())) <= 80


values = st.lists(st.sampled_from([8, 16, 24, 32]), min_size=1, unique=True)
types = st.lists(st.sampled_from(["plain", "gated", "wide"]), min_size=1, unique=True)
sweeps = st.lists(st.tuples(values, types), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=sweeps, chance=st.randoms(use_true_random=False))
def test_together_is_alone_less_what_is_spared(drawn: list[Any], chance: Any, tmp_path: Path) -> None:
    parts = []
    for number, (widths, kinds) in enumerate(drawn):
        file = tmp_path / f"sweep{number}.yaml"
        file.write_text(f"axes: {{model.width: {widths}, model.type: {kinds}}}\n")
        parts += suite.read("toy", file)[0]
    ids = sorted({cell.id for part in parts for cell in part.cells})
    finished = chance.sample(ids, chance.randint(0, len(ids)))
    plan = plans.make(parts, tmp_path / "none", finished)
    alone = [plans.make([part], tmp_path / "none", finished) for part in parts]
    spared = plan.spared()
    assert plan.seconds + spared.seconds == sum(each.seconds for each in alone)
    assert len(plan.tasks) + spared.cells + spared.stages == sum(len(each.tasks) for each in alone)
    assert len({task.id for task in plan.tasks}) == len(plan.tasks)
    assert {task.id for task in plan.tasks if task.kind == "cell"} == set(ids) - set(finished)
