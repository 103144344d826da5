"""Sweeps on a real Slurm: launching, attaching, cancelling, and every way in which a job can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_study import result

from ablations import tracking
from ablations.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.xdist_group("slurm")]
Wait = Callable[..., Any]
LAUNCH = "launch: {executor: slurm, workers: 2, mem_gb: 1%s}\n"
NAME = "gain=1 seed=0"


def sweep(cells: int = 1, steps: int = 30, extra: str = "", more: str = "") -> str:
    gains = list(range(1, cells + 1))
    return f"axes: {{gain: {gains}}}\nset: {{steps: {steps}, pause: 0.1{more}}}\n" + LAUNCH % extra


def ablate(lab: Any, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ablations.cli", *words]
    return subprocess.run(
        command, cwd=lab.folder, env=lab.environment(), capture_output=True, text=True, timeout=120
    )


def job_ids(slurm: Any) -> list[str]:
    return slurm.out("squeue", "-hr", "-o", "%i").split()


def complete(lab: Any, name: str, steps: int, repeated: int) -> None:
    """Everything is there, and no step was made again that a checkpoint had."""
    run = lab.cells()[name]
    assert run.status == "FINISHED"
    assert run.metrics["value"] == result(int(name[5]), 0, steps)
    made = lab.steps(name)
    assert sorted(set(made)) == list(range(1, steps + 1))
    assert len(made) <= steps + repeated
    curve = tracking.history(lab.uri, run.run_id, "loss")
    assert sorted({step for step, _ in curve}) == list(range(1, steps + 1))


def test_arrays_are_bounded_split_and_stages_come_first(lab: Any, slurm: Any) -> None:
    lab.write(sweep(cells=24, steps=2, extra=", cells_per_task: 2", more=", stage: true"))
    code, shown = lab.launch()
    assert code == 0, shown
    assert {run.status for run in lab.cells().values()} == {"FINISHED"}
    (made,) = lab.runs.glob("stages/*/done.txt")
    assert len(made.read_text().split()) == 1
    (noted,) = lab.runs.glob("sweeps/*/jobs.json")
    jobs = read_json(noted)
    assert len(set(jobs["jobs"].values())) == 1 + 12
    assert len({job.partition("_")[0] for job in jobs["jobs"].values()}) == 1 + 2, "arrays hold at most 11"
    assert Path(jobs["folder"]).stat().st_mode & 0o077 == 0
    (run,) = tracking.sweeps(lab.uri)
    assert run.declaration["name"]


def test_a_launcher_can_go_and_the_same_command_attaches(lab: Any, slurm: Any, wait: Wait) -> None:
    lab.write(sweep(cells=2, steps=400))
    first, second = lab.start(), lab.start()
    wait(lambda: len(lab.steps(NAME)) > 2)
    assert len(job_ids(slurm)) == 2
    shown = ablate(lab, "status").stdout
    assert "SLURM: 2 running" in shown
    elsewhere = lab.environment() | {"SLURM_CONF": "/nowhere/slurm.conf"}
    command = [sys.executable, "-m", "ablations.cli", "status"]
    asked = subprocess.run(command, cwd=lab.folder, env=elsewhere, capture_output=True, text=True, timeout=90)
    assert "SLURM: cannot be asked" in " ".join(asked.stdout.split()), asked.stderr
    for launcher in (first, second):
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.communicate()
    third = lab.start()
    output, _ = third.communicate(timeout=120)
    assert third.returncode == 0, output
    assert "Attached" in output
    complete(lab, NAME, 400, 0)
    complete(lab, "gain=2 seed=0", 400, 0)


def test_cancel_takes_its_own_jobs_only(lab: Any, slurm: Any, wait: Wait) -> None:
    other = slurm.out("sbatch", "--parsable", "--mem=10", "-o", "/dev/null", "--wrap", "sleep 60").strip()
    lab.write(sweep(cells=2, steps=400))
    launcher = lab.start()
    wait(lambda: len(lab.steps(NAME)) > 2)
    done = ablate(lab, "cancel")
    assert "Cancelled 2 SLURM jobs" in done.stdout, done.stderr
    assert job_ids(slurm) == [other]
    slurm.out("scancel", other)
    output, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 130, output
    assert {run.status for run in lab.cells().values()} == {"KILLED"}
    assert ablate(lab, "logs", lab.cell_folder(NAME).name).returncode == 0


def test_a_killed_worker_is_sent_again(lab: Any, slurm: Any, wait: Wait) -> None:
    lab.write(sweep())
    launcher = lab.start()
    wait(lambda: len(lab.steps(NAME)) > 12)
    os.kill(read_json(lab.cell_folder(NAME) / "progress.json")["pid"], signal.SIGKILL)
    output, _ = launcher.communicate(timeout=90)
    assert launcher.returncode == 0, output
    complete(lab, NAME, 30, 5)


@pytest.mark.parametrize("fault", ["requeue", "preemption", "node"])
def test_slurm_starts_it_again(fault: str, lab: Any, slurm: Any, wait: Wait) -> None:
    lab.write(sweep(steps=60, extra=", partition: main"))
    launcher = lab.start()
    wait(lambda: len(lab.steps(NAME)) > 12)
    (job,) = job_ids(slurm)
    if fault == "requeue":
        slurm.out("scontrol", "requeue", job)
    elif fault == "node":
        node = slurm.out("squeue", "-h", "-j", job, "-o", "%N").strip()
        slurm.node_down(node)
        slurm.node_up(node)
    else:
        slurm.out("sbatch", "-p", "high", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 2")
    output, _ = launcher.communicate(timeout=120)
    assert launcher.returncode == 0, output
    complete(lab, NAME, 60, 0 if fault == "preemption" else 5)


def test_the_time_limit_saves_and_requeues(lab: Any, slurm: Any) -> None:
    lab.write(sweep(steps=700, extra=", time_min: 1"))  # SLURM's limits are whole minutes
    code, shown = lab.launch()
    assert code == 0, shown
    complete(lab, NAME, 700, 0)


def test_a_cancelled_job_fails_its_cell_until_the_next_launch(lab: Any, slurm: Any, wait: Wait) -> None:
    lab.write(sweep(steps=80))
    launcher = lab.start()
    wait(lambda: len(lab.steps(NAME)) > 12)
    slurm.out("scancel", *job_ids(slurm))
    output, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 1, output
    assert "cancelled (SLURM job" in output
    code, shown = lab.launch()
    assert code == 0, shown
    complete(lab, NAME, 80, 5)


def test_out_of_memory_is_said(lab: Any, slurm: Any) -> None:
    lab.write(sweep(steps=100, more=", mode: hungry"))
    code, shown = lab.launch()
    assert code == 1
    assert "out of memory" in shown
