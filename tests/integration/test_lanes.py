"""Lanes in processes of their own: sharing, failing, dying, stopping, and going on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from lab_study import result

from ablations import tracking
from ablations.files import read_json
from ablations.work import Work
from ablations.worker import lane

LOCAL = "launch: {executor: local, workers: 2}\n"
Wait = Callable[..., Any]


def slow(mode: str = "plain", steps: int = 40, cells: int = 2) -> str:
    gains = list(range(1, cells + 1))
    return f"axes: {{gain: {gains}}}\nset: {{steps: {steps}, pause: 0.1, mode: {mode}}}\n{LOCAL}"


@pytest.mark.slow
def test_a_shared_stage_is_made_once_and_a_failed_cell_is_retried(lab: Any) -> None:
    lab.write(f"axes: {{gain: [1, 2], mode: [plain, fragile]}}\nset: {{stage: true}}\n{LOCAL}")
    lab.runs.mkdir()
    (lab.runs / "trouble").touch()
    code, shown = lab.launch()
    assert code == 1
    assert "2 of 5 tasks failed" in shown
    assert "loss is not finite at step 3 [nan]" in shown
    assert "ablate logs" in shown
    (made,) = lab.runs.glob("stages/*/done.txt")
    assert len(made.read_text().split()) == 1
    runs = lab.cells()
    for name, run in runs.items():
        assert run.status == ("FAILED" if "fragile" in name else "FINISHED")
    failed = runs["gain=1 mode=fragile seed=0"]
    assert failed.tags["ablate.reason"] == "loss is not finite at step 3 [nan]"
    assert "about to fail" in (artifacts(lab, failed) / "failure.txt").read_text()
    (lab.runs / "trouble").unlink()
    code, shown = lab.launch()
    assert code == 0, shown
    assert "mode=plain" not in shown
    again = lab.cells()
    assert {run.status for run in again.values()} == {"FINISHED"}
    assert {name: run.run_id for name, run in again.items()} == {n: r.run_id for n, r in runs.items()}
    (sweep,) = tracking.sweeps(lab.uri)
    assert sweep.run_id == failed.tags["mlflow.parentRunId"]


def artifacts(lab: Any, run: tracking.CellRun) -> Any:
    return lab.folder / "mlartifacts" / run.run_id / "artifacts"


@pytest.mark.slow
def test_a_killed_lane_is_replaced_and_its_cell_goes_on(lab: Any, wait: Wait) -> None:
    lab.write(slow())
    launcher = lab.start()
    name = "gain=1 seed=0"
    wait(lambda: len(lab.steps(name)) > 12)
    os.kill(read_json(lab.cell_folder(name) / "progress.json")["pid"], signal.SIGKILL)
    output, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 0, output
    steps = lab.steps(name)
    assert 40 < len(steps) <= 40 + 5, "goes on from the last checkpoint"
    runs = lab.cells()
    assert runs[name].status == "FINISHED"
    assert runs[name].metrics["value"] == result(1, 0, 40)
    assert runs[name].metrics["seconds"] > 4


def test_a_cell_whose_worker_died_before_its_marker_is_not_trained_again(lab: Any) -> None:
    lab.write(slow(steps=6, cells=1))
    code, shown = lab.launch()
    assert code == 0, shown
    name = "gain=1 seed=0"
    before, (plan_file,) = lab.cells()[name], lab.runs.glob("sweeps/*/plan.json")
    (lab.cell_folder(name) / "finished.json").unlink()
    lane(Work.read(plan_file))
    assert lab.steps(name) == list(range(1, 7))
    assert lab.cells()[name] == before
    assert read_json(lab.cell_folder(name) / "finished.json")["run_id"] == before.run_id


def test_a_cell_that_kills_its_lane_fails_after_three_attempts(lab: Any) -> None:
    lab.write(f"axes: {{mode: [deadly, plain]}}\n{LOCAL}")
    code, shown = lab.launch()
    assert code == 1
    assert "its worker died 3 times" in shown
    runs = lab.cells()
    assert lab.steps("gain=1 mode=deadly seed=0") == [1, 2] * 3
    assert runs["gain=1 mode=deadly seed=0"].status == "FAILED"
    assert runs["gain=1 mode=plain seed=0"].status == "FINISHED"


@pytest.mark.slow
def test_ctrl_c_saves_a_checkpoint_and_the_same_command_goes_on(lab: Any, wait: Wait) -> None:
    lab.write(slow(steps=120))
    launcher = lab.start()
    name = "gain=2 seed=0"
    wait(lambda: len(lab.steps(name)) > 2 and len(lab.steps("gain=1 seed=0")) > 2)
    second = lab.start()
    output, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"already running: process {launcher.pid}" in output
    os.killpg(launcher.pid, signal.SIGINT)  # as a terminal does: to everything in the foreground
    output, _ = launcher.communicate(timeout=30)
    assert launcher.returncode == 130, output
    assert "ablate lab --grid lab.yaml" in output
    runs = lab.cells()
    assert {run.status for run in runs.values()} == {"KILLED"}
    assert {run.tags["ablate.state"] for run in runs.values()} == {"interrupted"}
    assert tracking.sweeps(lab.uri)
    code, shown = lab.launch()
    assert code == 0, shown
    assert lab.steps(name) == list(range(1, 121)), "no step is lost or done twice"
    again = lab.cells()
    assert again[name].metrics["value"] == result(2, 0, 120)
    assert again[name].run_id == runs[name].run_id
    curve = tracking.history(lab.uri, again[name].run_id, "loss")
    assert [step for step, _ in curve] == list(range(1, 121)), "no point of the curve is lost"


def test_a_second_ctrl_c_kills_cells_that_do_not_listen(lab: Any, wait: Wait) -> None:
    lab.write(slow("deaf", steps=600))
    launcher = lab.start()
    wait(lambda: len(lab.steps("gain=1 seed=0")) > 2 and len(lab.steps("gain=2 seed=0")) > 2)
    os.killpg(launcher.pid, signal.SIGINT)
    wait(lambda: list(lab.runs.glob("sweeps/*/stop")))
    os.killpg(launcher.pid, signal.SIGINT)
    output, _ = launcher.communicate(timeout=20)
    assert launcher.returncode == 130, output
    assert {run.status for run in lab.cells().values()} == {"KILLED"}
    for name in ("gain=1 seed=0", "gain=2 seed=0"):
        assert not alive(read_json(lab.cell_folder(name) / "progress.json")["pid"])


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_killed_launcher_can_be_followed_by_another(lab: Any, wait: Wait) -> None:
    lab.write(slow(steps=30, cells=4))
    launcher = lab.start()
    wait(lambda: len(lab.steps("gain=1 seed=0")) > 2 and len(lab.steps("gain=2 seed=0")) > 2)
    launcher.kill()
    launcher.communicate(timeout=30)
    code, shown = lab.launch()
    assert code == 0, shown
    for gain in range(1, 5):
        assert lab.steps(f"gain={gain} seed=0") == list(range(1, 31)), "the lanes that live go on"
        assert lab.cells()[f"gain={gain} seed=0"].metrics["value"] == result(gain, 0, 30)


@pytest.mark.slow
def test_cells_that_hang_are_ended_and_the_others_go_on(lab: Any) -> None:
    lab.write(
        "axes: {mode: [hanging, stuck, plain]}\nlaunch: {executor: local, workers: 2, hang_minutes: 0.2}\n"
    )
    lab.runs.mkdir()
    (lab.runs / "trouble").touch()
    code, shown = lab.launch()
    assert code == 1, shown
    assert "2 of 3 tasks failed" in shown
    runs = lab.cells()
    assert runs["gain=1 mode=plain seed=0"].status == "FINISHED"
    for name in ("gain=1 mode=hanging seed=0", "gain=1 mode=stuck seed=0"):
        assert runs[name].status == "FAILED"
        assert runs[name].tags["ablate.reason"] == "no progress for 0.2 min at count step 2/6"
        assert lab.steps(name) == [1, 2], "it is not tried again by itself"
        assert "in _misbehave" in (lab.cell_folder(name) / "cell.log").read_text(), (
            "the log says where it hung"
        )
    (lab.runs / "trouble").unlink()
    code, shown = lab.launch()
    assert code == 0, shown
    assert lab.cells()["gain=1 mode=stuck seed=0"].metrics["value"] == result(1, 0, 6)


@pytest.mark.slow
def test_a_full_disk_is_told_and_once_there_is_room_the_sweep_goes_on(lab: Any, small_disk: Any) -> None:
    small_disk(2, lab.runs.name)
    lab.write(
        "axes: {gain: [1]}\nset: {mode: greedy, steps: 20, pause: 0.02}\nlaunch: {executor: local, workers: 1}\n"
    )
    (lab.runs / "trouble").touch()
    code, shown = lab.launch()
    assert code == 1, shown
    assert "space left" in shown
    assert lab.cells()["gain=1 seed=0"].tags["ablate.reason"].startswith("no space left in ")
    (lab.runs / "ballast").unlink()
    (lab.runs / "trouble").unlink()
    code, shown = lab.launch()
    assert code == 0, shown
    steps = lab.steps("gain=1 seed=0")
    assert steps[-15:] == list(range(6, 21)), "on from the checkpoint before the disk was full"
    run = lab.cells()["gain=1 seed=0"]
    assert run.metrics["value"] == result(1, 0, 20)
    assert {step for step, _ in tracking.history(lab.uri, run.run_id, "loss")} == set(range(1, 21))
