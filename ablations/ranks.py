"""Cells of several processes: rank 0 keeps lease, record and results; the others only train along."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Collection

from ablations.cell import Cell
from ablations.system import Context, Interrupted
from ablations.work import Task, Work
from ablations.worker import study_of

_PATIENCE = 60.0
_PAUSE = 0.3


def export() -> int:
    """Tell torch of the processes of this SLURM job, each with a GPU of its own if there are any; this one's rank.

    MASTER_ADDR is the first node unless the site has set another.
    """
    from submitit import JobEnvironment
    from submitit.helpers import TorchDistributedEnvironment

    job = JobEnvironment()
    if job.num_tasks > 1:
        address = os.environ.get("MASTER_ADDR")
        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        os.environ["GROUP_RANK"] = str(job.node)
        os.environ["MASTER_ADDR"] = address or os.environ["MASTER_ADDR"]
    return job.global_rank


def follow(work: Work, ids: Collection[str]) -> None:
    """Train along with rank 0 until it has settled the cell.

    Raises:
        RuntimeError: this process failed and rank 0 did not, which now waits for it in vain.
    """
    (task,) = (task for task in work.tasks if task["id"] in ids)
    if work.settled(task):
        return
    deadline = float("inf")
    try:
        _train(task, work)
    except Interrupted as reason:
        print(reason)
    except Exception:
        print(traceback.format_exc())
        deadline = time.monotonic() + _PATIENCE
    while not work.settled(task):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{task['name']}: a process that trains along has failed, see above")
        time.sleep(_PAUSE)


def _train(task: Task, work: Work) -> None:
    cell = Cell(**task["payload"]["cell"])
    stages = {name: work.runs / "stages" / stage for name, stage in task["payload"]["stages"].items()}
    context = Context(work.folder(task), stages, lambda *_, **__: None, work.stopping)
    study_of(task, work).system().run_cell(cell.config, context)
