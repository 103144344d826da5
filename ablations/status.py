"""`ablate status`: what runs, what is done, what failed and why, from the run folder alone."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ablations import slurm
from ablations.errors import UserError
from ablations.files import holder
from ablations.progress import table
from ablations.work import Work

if TYPE_CHECKING:
    from rich.console import Console


def show(runs: Path, console: Console) -> int:
    """Print every sweep of the run folder, the last one at the end; 1 if a task failed in its last launch."""
    plans = sorted(runs.glob("sweeps/*/plan.json"), key=lambda path: path.stat().st_mtime)
    if not plans:
        console.print(f"No sweep has been run in {runs}.", highlight=False)
    failed = 0
    for path in plans:
        work = Work.read(path.absolute())
        launcher = holder(path.parent / "launcher.json")
        where = f"running: process {launcher['pid']} on {launcher['host']}" if launcher else "not running"
        queued, said = _queue(work)
        where += f"; SLURM: {said}" if said else ""
        console.print(table(work, f"{_name(work)}, {where}", queued=queued))
        for task in work.tasks:
            if work.state(task) == "failed":
                failed += 1
                console.print(
                    f"{task['name']}: {work.reason(task)}", style="red", highlight=False, markup=False
                )
    return int(failed > 0)


def _queue(work: Work) -> tuple[dict[str, str], str]:
    """Task id -> its state in SLURM's queue, and that in words; a machine that cannot ask still has the folder."""
    if not work.jobs() or not shutil.which("squeue"):
        return {}, ""
    try:
        queued = slurm.states(work)
    except UserError as reason:
        return {}, f"cannot be asked ({reason})"
    return queued, ", ".join(f"{n} {word}" for word, n in Counter(queued.values()).items())


def _name(work: Work) -> str:
    sweeps = work.about["sweeps"]
    names = ", ".join(sweep["name"] for sweep in sweeps.values())
    return f"sweep{'s' * (len(sweeps) > 1)} {names} ({work.about['id']})"
