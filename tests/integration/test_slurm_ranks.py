"""A cell of the real system on two nodes of a real Slurm: the loss curve of one process, also after a requeue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_until

from ablations import tracking

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.xdist_group("slurm")]
SWEEP = """
study: encoder-resolution
scale: micro
seeds: 0-1
axes: {encoder.resolution: [16]}
set:
  data.world: {captions: 200, interleaved: 80, text: 120, benchmark_items: 2, shot_pool: 20}
  encoder.pretraining.steps: 0
  language.pretraining.steps: 0
  training.steps: 60
  training.sequences: 4
  training.sequence_length: 128
  training.checkpoint_every: 20
  evaluation.shots: [0]
launch: {workers: 1, mem_gb: 1.5%s}
"""
TOGETHER = ", executor: slurm, nodes: 2, tasks_per_node: 1"


def start(lab: Any, name: str, more: str, sweep: str = SWEEP) -> subprocess.Popen[str]:
    folder = lab.folder / name
    folder.mkdir()
    (folder / "ranks.yaml").write_text(sweep % more)
    command = [sys.executable, "-m", "ablations.cli", "encoder-resolution", "--grid", "ranks.yaml"]
    command += ["--tracking-uri", f"sqlite:///{folder}/mlflow.db"]
    environment = lab.environment() | {"MASTER_ADDR": "127.0.0.1"}  # the nodes' names stand for this host
    about = {"cwd": folder, "env": environment, "text": True}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **about)


def end(run: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = run.communicate(timeout=300)
    return run.returncode, " ".join(output.split())


def curves(folder: Path) -> dict[str, dict[int, float]]:
    uri = f"sqlite:///{folder}/mlflow.db"
    (sweep,) = tracking.sweeps(uri)
    runs = tracking.cells(uri, [cell["id"] for cell in sweep.declaration["cells"]])
    assert {run.status for run in runs} == {"FINISHED"}
    return {run.name: dict(tracking.history(uri, run.run_id, "multimodal/loss")) for run in runs}


def facts(folder: Path) -> list[dict[str, float]]:
    uri = f"sqlite:///{folder}/mlflow.db"
    (sweep,) = tracking.sweeps(uri)
    runs = tracking.cells(uri, [cell["id"] for cell in sweep.declaration["cells"]])
    return [{name: run.metrics[name] for name in run.metrics if name.startswith("fact.")} for run in runs]


def test_two_nodes_train_a_cell_as_one_process_does(lab: Any, slurm: Any) -> None:
    code, output = end(start(lab, "alone", ", executor: inline"))
    assert code == 0, output
    run = start(lab, "together", TOGETHER)
    wait_until(lambda: list((lab.folder / "together").glob("runs/*/last.ckpt")), seconds=180)
    (job, *_) = slurm.out("squeue", "-hr", "-t", "running", "-o", "%i").split()
    assert slurm.out("squeue", "-hr", "-j", job, "-o", "%D %C").split() == ["2", "2"]
    slurm.out("scontrol", "requeue", job)
    code, output = end(run)
    assert code == 0, output
    alone, together = curves(lab.folder / "alone"), curves(lab.folder / "together")
    assert together.keys() == alone.keys()
    for name, curve in alone.items():
        assert together[name] == pytest.approx(curve, rel=1e-4)
    assert facts(lab.folder / "together") == facts(lab.folder / "alone")


def test_what_fails_on_all_ranks_fails_the_cell_with_its_reason(lab: Any, slurm: Any) -> None:
    code, output = end(start(lab, "odd", TOGETHER, SWEEP.replace("sequences: 4", "sequences: 3")))
    assert code == 1
    failures = [file.read_text() for file in (lab.folder / "odd").glob("runs/*/failed.json")]
    assert len(failures) == 2, output
    assert all("3 sequences do not split over 2 ranks" in text for text in failures)


def test_several_cells_in_a_job_of_several_tasks_are_refused(lab: Any) -> None:
    code, output = end(start(lab, "refused", TOGETHER + ", cells_per_task: 4"))
    assert code == 2
    assert "cells_per_task is 4, but a cell that is trained by 2 tasks" in output
