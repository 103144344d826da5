"""A whole sweep in one process: what it leaves in the store and on disk, and what a second launch does."""

from __future__ import annotations

import json
import time
import urllib.parse
from pathlib import Path
from typing import Any

import datasets
import pytest
from lab_study import STUDY, result

from ablations import tracking
from ablations.commands import sweeps

SWEEP = "suite: trial\naxes: {gain: [1, 2]}\nseeds: 0-1\nset: {steps: 6}\nlaunch: {executor: inline}\n"

MM1_ON_FILES = """
axes: {training.learning_rate: [0.001]}
set:
  data.world: null
  data.sources: {text: {format: arrow, path: text}}
  data.benchmarks: text
  data.mix: {text: 1}
  training.steps: 2
launch: {executor: inline}
"""


def test_a_sweep_leaves_its_declaration_and_a_run_for_every_cell(lab: Any) -> None:
    lab.write(SWEEP)
    code, shown = lab.launch()
    assert code == 0, shown
    assert "gain=2 seed=1: finished  (4/4 done)" in shown
    (sweep,) = tracking.sweeps(lab.uri, "lab")
    assert sweep.experiment == "trial/lab"
    assert sweep.declaration["study"] == json.loads(json.dumps(STUDY.declaration()))
    assert sweep.declaration["file"] == SWEEP
    assert sweep.declaration["seeds"] == [0, 1]
    assert [cell["axes"] for cell in sweep.declaration["cells"]] == [{"gain": g} for g in (1, 1, 2, 2)]
    runs = lab.cells()
    assert {cell["id"] for cell in sweep.declaration["cells"]} == {run.cell_id for run in runs.values()}
    for name, run in runs.items():
        assert run.status == "FINISHED"
        assert run.tags["mlflow.parentRunId"] == sweep.run_id
        assert run.tags["seed"] == name[-1]
        assert run.tags["axis.gain"] == name[5]
        assert run.tags["version.mlflow"]
        assert run.params["steps"] == "6"
        assert run.metrics["value"] == result(int(name[5]), int(name[-1]), 6)
        assert run.metrics["fact.tokens"] == 10
        assert run.metrics["seconds"] > 0
        assert tracking.predictions(lab.uri, run).parent == artifact_folder(run)
        assert tracking.predictions(lab.uri, run).exists()
        assert tracking.history(lab.uri, run.run_id, "loss") == [(n, 1 / n) for n in range(1, 7)]


def artifact_folder(run: tracking.CellRun) -> Path:
    return Path(urllib.parse.urlparse(run.artifact_uri).path)


def test_the_store_shows_the_question_and_the_data(lab: Any) -> None:
    from mlflow import MlflowClient

    lab.write(SWEEP)
    lab.launch()
    store = MlflowClient(tracking_uri=lab.uri)
    experiment = store.get_experiment_by_name("trial/lab")
    assert experiment.tags["mlflow.note.content"] == STUDY.question
    run = store.get_run(lab.cells()["gain=1 seed=0"].run_id)
    assert run.inputs.dataset_inputs[0].dataset.name == "numbers"


def test_the_second_launch_does_nothing_and_a_smaller_sweep_is_only_written_down(lab: Any) -> None:
    lab.write(SWEEP)
    lab.launch()
    before = {name: (run.run_id, run.end) for name, run in lab.cells().items()}
    assert lab.launch() == (0, "")
    assert {name: (run.run_id, run.end) for name, run in lab.cells().items()} == before
    assert len(tracking.sweeps(lab.uri)) == 1
    lab.write(SWEEP.replace("0-1", "[0]"))
    assert lab.launch() == (0, "")
    first, second = tracking.sweeps(lab.uri)
    assert {cell["id"] for cell in second.declaration["cells"]} < {
        cell["id"] for cell in first.declaration["cells"]
    }


def test_output_goes_to_the_cell_s_log_and_the_table_to_the_terminal(lab: Any) -> None:
    lab.write(SWEEP.replace("steps: 6", "steps: 6, mode: fragile"))
    lab.runs.mkdir()
    (lab.runs / "trouble").touch()
    code, shown = lab.launch()
    assert code == 1
    assert "about to fail" not in shown
    assert "about to fail" in (lab.cell_folder("gain=1 seed=0") / "cell.log").read_text()


def test_a_cell_costs_little_beyond_its_work(lab: Any) -> None:
    lab.write("axes: {gain: [1, 2, 3, 4]}\nset: {steps: 4, pause: 0.25}\nlaunch: {executor: inline}\n")
    tracking.sweeps(lab.uri)
    begun = time.monotonic()
    lab.launch()
    overhead = (time.monotonic() - begun - 4.0) / 4
    print(f"overhead per cell of one second: {overhead:.2f} s")
    assert overhead < 3


@pytest.mark.slow
def test_a_cell_of_mm1_whose_data_is_cut_short_fails_and_names_the_file(lab: Any, capsys: Any) -> None:
    datasets.Dataset.from_dict({"text": ["a word " * 50] * 200}).save_to_disk(lab.folder / "text")
    (file,) = (lab.folder / "text").glob("*.arrow")
    file.write_bytes(file.read_bytes()[:-1000])
    (lab.folder / "data.yaml").write_text(MM1_ON_FILES)
    order = sweeps.Order("lr-scaling", lab.folder / "data.yaml", None, None, [], {}, lab.runs, lab.uri)
    assert sweeps.run(order) == 1
    (run,) = [run for sweep in tracking.sweeps(lab.uri) for run in _cells_of(lab, sweep)]
    assert run.status == "FAILED"
    assert f"{file.relative_to(lab.folder)} is cut short" in run.tags["ablate.reason"]


def _cells_of(lab: Any, sweep: tracking.SweepRun) -> list[tracking.CellRun]:
    return tracking.cells(lab.uri, [cell["id"] for cell in sweep.declaration["cells"]])
