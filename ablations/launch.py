"""Plan -> submitit: lanes in this process, as local worker processes, or on SLURM."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ablations import studies, tracking
from ablations.errors import UserError
from ablations.files import holder, lease, read_json, state, write_json
from ablations.plan import Plan
from ablations.progress import Progress
from ablations.study import Study
from ablations.sweep import Sweep
from ablations.worker import lane, start, task_folder

if TYPE_CHECKING:
    from rich.console import Console

_POLL = 0.5
INTERRUPTED = 130
_SLURM = ("partition", "account", "qos", "gres", "constraint")


def workers(launch: Mapping[str, Any]) -> int:
    """How many lanes: as asked for, else one per GPU, else one per core."""
    if launch.get("executor", "local") == "inline":
        return 1
    return launch.get("workers") or len(gpus()) or len(os.sched_getaffinity(0))


def gpus() -> list[int]:
    """GPUs that may be used, found without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [int(name) for name in visible.split(",") if name.strip().isdigit()]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return list(range(sum(line.startswith("GPU ") for line in listed.stdout.splitlines())))


def sweep_id(study: Study, sweep: Sweep, plan: Plan) -> str:
    """A sweep is its study, its name, its scale and its cells."""
    text = json.dumps([study.name, sweep.name, sweep.scale, sorted(cell.id for cell in plan.cells)])
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def run(study: Study, sweep: Sweep, plan: Plan, runs: Path, console: Console) -> int:
    """Run what is left of a plan; 0 if every cell is finished, 1 if some failed, 130 if interrupted.

    Raises:
        UserError: the same sweep is already being run.
    """
    runs = runs.absolute()
    key = sweep_id(study, sweep, plan)
    folder = runs / "sweeps" / key
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lease(folder / "launcher.json") as mine:
        if not mine:
            other = holder(folder / "launcher.json") or {}
            where = f"process {other.get('pid')} on {other.get('host')}"
            raise UserError(f"this sweep is already running ({where}); watch it with: ablate status --runs {runs}")
        return _run(study, sweep, plan, runs, console, key)


def _run(study: Study, sweep: Sweep, plan: Plan, runs: Path, console: Console, key: str) -> int:
    folder, uri, target = runs / "sweeps" / key, tracking.default_uri(), studies.target(study.name)
    declared = {"id": key, "name": sweep.name, "scale": sweep.scale, "seeds": list(sweep.seeds), "set": dict(sweep.set)}
    declared |= {"axes": {name: list(values) for name, values in sweep.axes.items()}}
    parent = tracking.begin_sweep(uri, sweep.suite, study, declared, plan.cells)
    (folder / "stop").unlink(missing_ok=True)
    tasks = [
        {"kind": t.kind, "id": t.id, "name": t.name, "needs": t.needs, "seconds": t.seconds, "payload": t.payload}
        for t in plan.tasks
    ]
    shared = {"target": target, "suite": sweep.suite, "sweep": key, "parent": parent, "tracking_uri": uri}
    plan_file = folder / "plan.json"
    write_json(plan_file, {**shared, "launch_id": uuid.uuid4().hex, "workers": workers(sweep.launch), "tasks": tasks})
    for task in tasks:
        task_folder(runs, task).mkdir(parents=True, exist_ok=True)
        (task_folder(runs, task) / "finished.json").unlink(missing_ok=True) if task["kind"] == "cell" else None
    code = _drive(sweep.launch, plan_file, tasks, runs, console)
    tracking.end_sweep(uri, parent, "FINISHED" if code == 0 else "KILLED" if code == INTERRUPTED else "FAILED")
    return code


def _drive(
    launch: Mapping[str, Any], plan_file: Path, tasks: Sequence[Mapping[str, Any]], runs: Path, console: Console
) -> int:
    """Start lanes, watch them, start another where one died, and say how it ended."""
    stop = plan_file.parent / "stop"
    with Progress(tasks, runs, workers(launch), console) as progress:
        lanes: list[Any] = []
        try:
            if launch.get("executor") == "inline":
                _inline(plan_file, progress)
            else:
                executor = _executor(launch, plan_file.parent)
                _watch(executor, lanes, launch, plan_file, tasks, runs, progress)
        except KeyboardInterrupt:
            stop.touch()
            progress.note("stopping: cells save a checkpoint (Ctrl-C again kills them)")
            try:
                _wait(lanes, progress)
            except KeyboardInterrupt:
                for job in lanes:
                    job.cancel(check=False)
                _kill(tasks, runs)
    return _summary(tasks, runs, stop, console)


def _inline(plan_file: Path, progress: Progress) -> None:
    """One lane in this process, while a thread keeps the table fresh."""
    import threading

    done = threading.Event()

    def refresh() -> None:
        while not done.wait(_POLL):
            progress.refresh()

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    try:
        lane(plan_file)
    finally:
        done.set()
        thread.join()


def _executor(launch: Mapping[str, Any], folder: Path) -> Any:
    import submitit

    slurm = launch.get("executor") == "slurm"
    logs = folder / "lanes" / uuid.uuid4().hex[:8]  # job ids start again on a fresh cluster: never reuse a folder
    executor = submitit.AutoExecutor(folder=str(logs), cluster="slurm" if slurm else "local")
    executor.update_parameters(name="ablate", timeout_min=launch.get("time_min", 7 * 24 * 60))
    if slurm:
        asked = {f"slurm_{name}": launch[name] for name in _SLURM if name in launch}
        executor.update_parameters(
            cpus_per_task=launch.get("threads", 1), mem_gb=launch.get("mem_gb", 4), **asked
        )
    return executor


def _watch(
    executor: Any,
    lanes: list[Any],
    launch: Mapping[str, Any],
    plan_file: Path,
    tasks: Sequence[Mapping[str, Any]],
    runs: Path,
    progress: Progress,
) -> None:
    devices = gpus()
    wanted = min(workers(launch), len(tasks))
    threads = launch.get("threads", 1)
    started = 0
    while True:
        lanes[:] = [job for job in lanes if not job.done()]
        left = [task for task in tasks if state(task_folder(runs, task)) not in ("finished", "failed")]
        open_work = [task for task in left if state(task_folder(runs, task)) != "running"]
        if not lanes and not left:
            return
        if len(lanes) < min(wanted, len(left)) and (open_work or not lanes):
            if started >= wanted + 3 * len(tasks):
                return
            device = devices[started % len(devices)] if devices else None
            lanes.append(executor.submit(start, str(plan_file), threads, device))
            started += 1
            if not _worth_another(lanes, tasks, runs):
                return
            continue
        progress.refresh()
        time.sleep(_POLL)


def _worth_another(lanes: Sequence[Any], tasks: Sequence[Mapping[str, Any]], runs: Path) -> bool:
    """False once every task that is left waits for a stage that failed."""
    failed = {task["id"] for task in tasks if state(task_folder(runs, task)) == "failed"}
    left = [t for t in tasks if state(task_folder(runs, t)) not in ("finished", "failed")]
    return not left or any(not failed & set(task["needs"]) for task in left)


def _wait(lanes: Sequence[Any], progress: Progress) -> None:
    while not all(job.done() for job in lanes):
        progress.refresh()
        time.sleep(_POLL)


def _kill(tasks: Sequence[Mapping[str, Any]], runs: Path) -> None:
    import contextlib
    import signal

    for task in tasks:
        held = read_json(task_folder(runs, task) / "lease.json")
        if held is not None and held["pid"] != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(held["pid"], signal.SIGKILL)


def _summary(tasks: Sequence[Mapping[str, Any]], runs: Path, stop: Path, console: Console) -> int:
    if stop.exists():
        console.print("[yellow]Interrupted.[/] Run the same command again: it goes on from the last checkpoints.")
        return INTERRUPTED
    bad = [task for task in tasks if state(task_folder(runs, task)) != "finished"]
    if not bad:
        return 0
    from rich.table import Table

    table = Table("failed", "reason", "log", title=f"{len(bad)} of {len(tasks)} tasks failed", title_style="red")
    for task in bad:
        folder = task_folder(runs, task)
        reason = (read_json(folder / "failed.json") or {}).get("reason", "needs a stage that failed")
        table.add_row(task["name"], reason, str(folder / "cell.log"), style=None)
    console.print(table)
    console.print("Run the same command again: it tries these cells once more and keeps the finished ones.")
    return 1
