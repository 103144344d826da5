from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ablations import plan as plans
from ablations import plan_view
from ablations.part import Part
from ablations.plan import Plan, Task
from ablations.shared import upstream_first
from ablations.system import Stage

GRID = "axes: {model.width: [8, 16], model.type: [plain, gated]}\nseeds: 0-1\n"


@pytest.fixture
def make(toy_cells: object, toy_sweep: object, tmp_path: Path) -> object:
    from ablations import studies

    cells = toy_cells(GRID)
    study = studies.get("toy")

    def build(
        finished: tuple[int, ...] = (), durations: dict[int, float] | None = None, ready: tuple = ()
    ) -> Plan:
        for stage in ready:
            (tmp_path / stage).mkdir()
            (tmp_path / stage / "result.json").touch()
        ids = {index: cell.id for index, cell in enumerate(cells)}
        named = {ids[index]: seconds for index, seconds in (durations or {}).items()}
        part = Part(study, toy_sweep(GRID), study.system(), cells)
        return plans.make([part], tmp_path, [ids[i] for i in finished], named)

    return build


def test_shared_stages_are_done_once_and_before_what_needs_them(make: object) -> None:
    plan = make()
    stages = [task for task in plan.tasks if task.kind == "stage"]
    assert [task.name.split()[0] for task in stages] == ["root", "base", "base"]
    assert [item.cells for item in plan.shared] == [8, 4, 4]
    seen: set[str] = set()
    for task in plan.tasks:
        assert set(task.needs) <= seen
        seen.add(task.id)
    assert all(len(task.needs) == 2 for task in plan.tasks if task.kind == "cell")


def test_time_is_work_over_workers_but_at_least_the_longest_chain(make: object) -> None:
    plan = make()
    assert plan.seconds == 10 + 2 * 20 + 4 * 8 + 4 * 16
    assert plan.wall(1) == plan.seconds
    assert plan.wall(2) == plan.seconds / 2
    assert plan.wall(1000) == 10 + 20 + 16
    assert plan.saved() == 7 * 10 + 2 * 3 * 20


def test_finished_cells_and_ready_stages_are_not_done_again(make: object) -> None:
    first = make()
    base = first.shared[1].stage
    plan = make(finished=(0, 1, 4), ready=(first.shared[0].stage.id, base.id))
    assert len(plan.reused) == 3
    assert [task.kind for task in plan.tasks].count("cell") == 5
    assert [task.id for task in plan.tasks if task.kind == "stage"] == [first.shared[2].stage.id]
    assert all(base.id not in task.needs for task in plan.tasks)
    assert plan.tasks[-1].payload["stages"]["root"] == first.shared[0].stage.id


def test_nothing_is_left_when_every_cell_is_finished(make: object) -> None:
    plan = make(finished=tuple(range(8)))
    assert plan.tasks == []
    assert (plan.seconds, plan.wall(2), plan.saved()) == (0, 0, 0)


def test_times_follow_finished_cells(make: object) -> None:
    guess = make(finished=(0, 1, 4)).seconds
    plan = make(finished=(0, 1, 4), durations={0: 8 * 3, 1: 8 * 3, 4: 16 * 30})
    assert plan.seconds == pytest.approx(3 * guess)
    assert plan.measured == 3


def test_payloads_are_plain_data(make: object) -> None:
    plan = make()
    for task in plan.tasks:
        assert json.loads(json.dumps(task.payload))
    facts = json.loads(json.dumps(plan.as_json()))
    assert len(facts["cells"]) == 8
    assert facts["seconds"] == plan.seconds


@given(st.permutations(range(5)))
def test_stages_are_ordered_upstream_first_whatever_the_order_they_are_met_in(order: list[int]) -> None:
    chain = {i: Stage(str(i), str(i), {}, needs=tuple(str(j) for j in range(i))) for i in range(5)}
    ordered = upstream_first({str(i): chain[i] for i in order})
    assert [stage.id for stage in ordered] == ["0", "1", "2", "3", "4"]


def test_a_chain_is_longer_than_its_parts() -> None:
    tasks = [
        Task("stage", "a", "a", (), 5, {}),
        Task("stage", "b", "b", ("a",), 7, {}),
        Task("cell", "c", "c", ("b",), 1, {}),
    ]
    assert Plan([], [], [], tasks, []).longest_chain() == 13


def test_the_printed_plan_fits_in_80_columns(make: object) -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    plan_view.show(make(finished=(0,)), 2, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "8 cells: 1 reused, 7 to run; 3 stages to run first" in text
    assert "2 workers" in text
    assert "it would be 3 min of work more if every cell did its stages by itself" in text


@pytest.mark.parametrize(("seconds", "text"), [(3.4, "3 s"), (100, "2 min"), (3 * 3600 + 300, "3 h 05 min")])
def test_clock(seconds: float, text: str) -> None:
    assert plan_view.clock(seconds) == text
