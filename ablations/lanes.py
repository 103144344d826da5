"""Lanes: started in this process or as local processes, watched, and replaced where one dies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations import preflight, slurm
from ablations.errors import UserError
from ablations.files import holder
from ablations.interrupts import shielded
from ablations.progress import Progress
from ablations.work import Work
from ablations.worker import MAX_ATTEMPTS, lane, limit, start

_POLL, _GRACE = 0.5, 5.0
_WEEK = 7 * 24 * 60


@dataclass(frozen=True)
class Lane:
    """A submitted lane and the GPU it may use."""

    job: Any
    device: str | None


def workers(launch: Mapping[str, Any]) -> int:
    """How many lanes: as asked for, else one per GPU, else one per core."""
    if launch.get("executor") == "inline":
        return 1
    if launch.get("executor") == "slurm":
        return launch.get("workers", slurm.WORKERS)
    return launch.get("workers") or len(gpus()) or len(os.sched_getaffinity(0))


def gpus() -> list[str]:
    """GPUs that may be used, found without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return [str(n) for n in range(sum(line.startswith("GPU ") for line in listed.stdout.splitlines()))]


def check(launch: Mapping[str, Any]) -> None:
    """Refuse what this machine cannot launch.

    Raises:
        UserError: SLURM is asked for where there is none.
    """
    if launch.get("executor") == "slurm" and shutil.which("sbatch") is None:
        raise UserError(
            "launch.executor: slurm, but there is no `sbatch` here; run it on a login node, or use local"
        )


def drive(launch: Mapping[str, Any], work: Work, progress: Progress) -> str:
    """Run lanes until nothing is left or a stop was asked for; why it gave up, or nothing.

    Raises:
        KeyboardInterrupt: at the second Ctrl-C, when the lanes have been killed.
    """
    if launch.get("executor") == "inline":
        return _inline(launch, work, progress)
    lanes: list[Lane] = []
    try:
        return _watch(launch, work, progress, lanes)
    except KeyboardInterrupt:
        _kill(work, lanes)
        raise


def _inline(launch: Mapping[str, Any], work: Work, progress: Progress) -> str:
    """One lane in this process, while a thread keeps the table fresh."""
    done = threading.Event()

    def refresh() -> None:
        while not done.wait(_POLL):
            progress.refresh()

    thread = threading.Thread(target=refresh, daemon=True)
    thread.start()
    limit(launch.get("threads", 1))
    try:
        lane(work)
    finally:
        done.set()
        thread.join()
    return ""


def _watch(launch: Mapping[str, Any], work: Work, progress: Progress, lanes: list[Lane]) -> str:
    executor, devices = _executor(work.plan_file.parent), gpus()
    wanted, deaths, settled = workers(launch), 0, 0
    while True:
        ended = [one for one in lanes if one.job.done()]
        lanes[:] = [one for one in lanes if one not in ended]
        left = [task for task in work.tasks if not work.settled(task)]
        if not lanes and (not left or work.stop.exists()):
            return ""
        if len(work.tasks) - len(left) > settled:
            deaths, settled = 0, len(work.tasks) - len(left)
        if left and not work.stop.exists():  # a lane ends by itself only when nothing is left
            deaths += len(ended)
            if deaths > (MAX_ATTEMPTS + 1) * wanted:
                return _last_words(work, ended)
            if len(lanes) < min(wanted, len(left)):
                try:
                    lanes.append(_submit(executor, launch, work, _freest(devices, lanes)))
                    continue
                except OSError:  # a disk that is full, or away for a moment
                    deaths += 1
        progress.refresh()
        time.sleep(_POLL)


def _submit(executor: Any, launch: Mapping[str, Any], work: Work, device: str | None) -> Lane:
    with shielded():
        return Lane(executor.submit(start, str(work.plan_file), launch.get("threads", 1), device), device)


def _executor(folder: Path) -> Any:
    import submitit

    logs = folder / "lanes" / uuid.uuid4().hex[:8]
    logs.mkdir(parents=True, mode=0o700)  # what lies in pickles is run
    executor = submitit.AutoExecutor(folder=str(logs), cluster="local")
    executor.update_parameters(name="ablate", timeout_min=_WEEK)
    return executor


def _freest(devices: list[str], lanes: list[Lane]) -> str | None:
    used = [one.device for one in lanes]
    return min(devices, key=used.count, default=None)


def _last_words(work: Work, ended: list[Lane]) -> str:
    try:
        preflight.check_writable(work.runs, "the runs folder")
    except UserError as error:
        return str(error)
    for one in ended:
        text = one.job.stderr() or ""
        if text.strip():
            return "workers died again and again; the last one said:\n" + "\n".join(text.splitlines()[-15:])
    return "workers died again and again without a word (killed, or out of memory?)"


def _kill(work: Work, lanes: list[Lane]) -> None:
    """Kill the lanes that hold a task here; those without one see the stop file and end."""
    for task in work.tasks:
        held = holder(work.folder(task) / "lease.json")
        if held is not None and held["host"] == socket.gethostname() and held["pid"] != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(held["pid"], signal.SIGKILL)
    for one in lanes:
        one.job.cancel(check=False)
    end = time.monotonic() + _GRACE
    while not all(one.job.done() for one in lanes) and time.monotonic() < end:
        time.sleep(0.1)
